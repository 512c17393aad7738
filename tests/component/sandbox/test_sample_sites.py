"""The sample relying parties against a strict provider: what an off-the-shelf client sends, what a visitor sees."""

import json
import ssl
from urllib.parse import parse_qsl, urlsplit

import httpx
import pytest
from aiohttp.test_utils import TestServer
from authlib.integrations.starlette_client import OAuth
from authlib.oauth2.rfc7523 import PrivateKeyJWT
from sandbox.rp import clients
from sandbox.rp.app import build
from sandbox.rp.profiles import SITES

from tests.support.openid_provider import OpenIdProvider

ADDRESSES = {"city": "https://localhost:8447", "bank": "https://localhost:8448"}


@pytest.fixture(scope="module")
def rp_state(tmp_path_factory):
    state = tmp_path_factory.mktemp("rp")
    clients.ensure(state, ADDRESSES)
    return state


@pytest.fixture
async def provider(rp_state):
    provider = OpenIdProvider({name: clients.load_key(rp_state, name) for name in SITES})
    server = TestServer(provider.app())
    await server.start_server()
    provider.issuer = f"http://127.0.0.1:{server.port}"
    yield provider
    await server.close()


@pytest.fixture(params=["city", "bank"])
async def browser(request, rp_state, provider):
    site = SITES[request.param]
    oidc = OAuth().register(
        name="shirushi",
        server_metadata_url=f"{provider.issuer}/.well-known/openid-configuration",
        client_id=site.name,
        client_secret=clients.load_key(rp_state, site.name),
        client_auth_methods=[PrivateKeyJWT(alg="ES256")],
        client_kwargs={
            "scope": site.scope,
            "code_challenge_method": "S256",
            "token_endpoint_auth_method": "private_key_jwt",
            "verify": ssl.create_default_context(),
        },
    )
    transport = httpx.ASGITransport(build(site, oidc, ADDRESSES[site.name]))
    async with httpx.AsyncClient(transport=transport, base_url=ADDRESSES[site.name]) as client:
        client.site = site
        yield client


async def log_in(browser, provider):
    redirect = await browser.get("/login")
    query = dict(parse_qsl(urlsplit(redirect.headers["location"]).query))
    return await browser.get("/callback", params={"code": provider.approve(query), "state": query["state"]}), query


async def test_the_welcome_page_has_the_button(browser):
    page = (await browser.get("/")).text
    assert "マイナンバーカードでログイン" in page
    assert 'id="login"' in page
    assert "Log in with My Number Card" in (await browser.get("/?lang=en")).text


async def test_the_request_is_a_code_flow_with_state_nonce_and_pkce(browser, provider):
    _, query = await log_in(browser, provider)
    assert query["response_type"] == "code"
    assert query["client_id"] == browser.site.name
    assert query["scope"] == browser.site.scope
    assert query["redirect_uri"] == f"{ADDRESSES[browser.site.name]}/callback"
    assert query["code_challenge_method"] == "S256"
    assert query["nonce"]
    assert query["state"]


async def test_a_visitor_is_greeted_with_pseudonym_and_claims(browser, provider):
    provider.claims = {"name": "番号　花子", "birthdate": "19900515", "gender": "2"}
    answer, _ = await log_in(browser, provider)
    assert (answer.status_code, answer.headers["location"]) == (303, "/")
    page = (await browser.get("/")).text
    assert "番号　花子 さん" in page.replace("\n", "")
    assert "1990年5月15日" in page
    assert provider.sub in page
    assert (await browser.get("/me")).json()["sub"] == provider.sub
    await log_in(browser, provider)
    assert "おかえりなさい" in (await browser.get("/")).text
    await browser.post("/logout")
    assert (await browser.get("/me")).status_code == 401


async def test_a_visitor_who_gave_nothing_is_greeted_all_the_same(browser, provider):
    await log_in(browser, provider)
    page = (await browser.get("/")).text
    assert "ようこそ" in page
    assert provider.sub in page


async def test_the_session_has_a_new_name_after_the_login(browser, provider):
    await browser.get("/login")
    before = dict(browser.cookies)
    await log_in(browser, provider)
    assert before
    assert dict(browser.cookies).keys() == before.keys()
    assert dict(browser.cookies) != before


async def test_a_refusal_is_told_in_words_of_its_class(browser):
    redirect = await browser.get("/login")
    state = dict(parse_qsl(urlsplit(redirect.headers["location"]).query))["state"]
    answer = await browser.get(
        "/callback",
        params={"error": "access_denied", "error_description": "card_not_accepted", "state": state},
        headers={"accept-language": "en"},
    )
    assert "This card was not accepted" in answer.text
    assert 'data-description="card_not_accepted"' in answer.text


async def test_a_visitor_may_reload_while_the_service_is_away(browser, provider):
    redirect = await browser.get("/login")
    query = dict(parse_qsl(urlsplit(redirect.headers["location"]).query))
    arrived = {"code": provider.approve(query), "state": query["state"]}
    provider.away = True
    for _ in range(2):
        answer = await browser.get("/callback", params=arrived)
        assert answer.status_code == 503
        assert 'data-error="unreachable"' in answer.text
    provider.away = False
    assert (await browser.get("/callback", params=arrived)).status_code == 303
    assert (await browser.get("/me")).json()["sub"] == provider.sub


async def test_a_visitor_may_reload_when_only_userinfo_was_away(browser, provider):
    redirect = await browser.get("/login")
    query = dict(parse_qsl(urlsplit(redirect.headers["location"]).query))
    arrived = {"code": provider.approve(query), "state": query["state"]}
    provider.userinfo_away = True
    assert (await browser.get("/callback", params=arrived)).status_code == 503
    # Another visitor gets nothing of it.
    assert (await browser.get("/callback", params=arrived | {"state": "other"})).status_code == 200
    assert (await browser.get("/me")).status_code == 401
    provider.userinfo_away = False
    assert (await browser.get("/callback", params=arrived)).status_code == 303
    assert (await browser.get("/me")).json()["sub"] == provider.sub


@pytest.mark.parametrize("spoil", [{"nonce": "other"}, {"aud": "other"}, {"iss": "https://other"}, {"exp": 1}])
async def test_a_wrong_id_token_logs_nobody_in(browser, provider, spoil):
    provider.spoil = spoil
    answer, _ = await log_in(browser, provider)
    assert answer.status_code == 502
    assert (await browser.get("/me")).status_code == 401


async def test_a_callback_out_of_the_blue_logs_nobody_in(browser):
    answer = await browser.get("/callback", params={"code": "code", "state": "state"})
    assert 'id="refused"' in answer.text
    assert (await browser.get("/me")).status_code == 401


def test_the_registry_gives_every_client_a_sector_and_only_public_keys(rp_state):
    registered = json.loads((rp_state / "rp" / "clients.json").read_text())["clients"]
    assert [client["client_id"] for client in registered] == ["city", "bank", "bench"]
    assert len({client["sector_identifier"] for client in registered}) == 3
    for client in registered:
        assert all("d" not in key for key in client["jwks"]["keys"])


def test_the_registry_follows_the_addresses_and_keeps_the_keys(tmp_path):
    first = clients.ensure(tmp_path, ADDRESSES).read_text()
    assert clients.ensure(tmp_path, ADDRESSES).read_text() == first
    moved = clients.ensure(tmp_path, ADDRESSES | {"city": "https://localhost:9447"}).read_text()
    assert moved == first.replace("8447", "9447")


@pytest.mark.parametrize("whole", [lambda entries: {"clients": entries}, lambda entries: entries])
def test_clients_that_a_developer_added_stay_in_the_registry(tmp_path, whole):
    path = clients.ensure(tmp_path, ADDRESSES)
    ours = json.loads(path.read_text())["clients"]
    mine = {"client_id": "myapp", "name": "わたしのアプリ", "redirect_uris": ["https://localhost:3000/callback"]}
    path.write_text(json.dumps(whole([mine, *ours, "wrong", {"client_id": "city", "name": "not the city"}])))
    clients.ensure(tmp_path, ADDRESSES)
    assert json.loads(path.read_text())["clients"] == [*ours, mine, "wrong"]


@pytest.mark.parametrize("content", ["{", '{"clients": {}}', "3"])
def test_a_registry_that_cannot_be_read_is_not_overwritten(tmp_path, content):
    path = clients.ensure(tmp_path, ADDRESSES)
    path.write_text(content)
    with pytest.raises(clients.RegistryUnreadable, match="mend it, or remove it"):
        clients.ensure(tmp_path, ADDRESSES)
    assert path.read_text() == content
