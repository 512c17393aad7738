"""Whatever is sent: never a 500, never a redirect to an address that is not registered, never a word of it in a log."""

import asyncio
from urllib.parse import quote_from_bytes

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from kit.encoding import b64u
from kit.testing.fake_custody import FakeDeployment

from tests.component.gateway.conftest import CITY_KEY
from tests.component.gateway.relying_party import RelyingParty, registration
from tests.component.gateway.world import OIDC, Gateway, started_clock

REGISTERED = "https://city.test/callback?"
FORM = {"content-type": "application/x-www-form-urlencoded"}
RUNS = settings(max_examples=120, deadline=None, suppress_health_check=list(HealthCheck))

octets = st.one_of(
    st.binary(max_size=40),
    st.text(max_size=40).map(lambda text: text.encode("utf-8", "surrogatepass")),
    st.sampled_from(
        [
            b"",
            b"openid",
            b"code",
            b"city",
            b"bank",
            b"S256",
            b"none",
            b"https://city.test/callback",
            b"https://evil.test/",
            b"//evil.test",
            b"\r\nLocation: https://evil.test/",
            b"x" * 300,
            b"x" * 7000,
            b"[" * 3000,
            b"\0",
            b"\xed\xa0\x80",
        ]
    ),
)
AUTHORIZE = [
    "response_type",
    "client_id",
    "redirect_uri",
    "scope",
    "state",
    "nonce",
    "code_challenge",
    "code_challenge_method",
    "response_mode",
    "acr_values",
    "prompt",
    "max_age",
    "ui_locales",
    "request",
    "request_uri",
    "sign_transaction_id",
    "",
    "\x00",
]
TOKEN = [
    "grant_type",
    "code",
    "redirect_uri",
    "code_verifier",
    "client_id",
    "client_assertion",
    "client_assertion_type",
    "client_secret",
    "",
]


def encoded(values, extra):
    """A query or form of good values, some of them replaced, left out or doubled."""
    pairs = [(name.encode(), value.encode()) for name, value in values.items() if name not in {n for n, _, _ in extra}]
    for name, value, times in extra:
        pairs += [(name.encode(), value)] * times
    return b"&".join(quote_from_bytes(name).encode() + b"=" + quote_from_bytes(value).encode() for name, value in pairs)


def some_of(names):
    return st.lists(st.tuples(st.sampled_from(names), octets, st.integers(0, 2)), min_size=1, max_size=3)


@pytest.fixture(scope="module")
def world():
    """One gateway for all examples; hypothesis calls the test anew for each."""

    async def made():
        clock = started_clock()
        gateway = Gateway(await FakeDeployment(clock=clock).start(), clock, [registration("city", CITY_KEY)])
        await gateway.registry.refresh()
        return gateway

    gateway = asyncio.run(made())
    return gateway, RelyingParty(gateway, "city", CITY_KEY)


async def answered(gateway, method, path, **options):
    async with gateway.http() as http:
        response = await http.request(method, path, **options)
    assert response.status_code < 500, response.text
    assert "Traceback" not in response.text
    return response


@RUNS
@given(extra=some_of(AUTHORIZE), post=st.booleans())
def test_authorize(world, extra, post):
    gateway, city = world
    sent = encoded(city.request(), extra)
    where = f"{OIDC}/auth"
    if post:
        response = asyncio.run(answered(gateway, "POST", where, content=sent, headers=FORM))
    else:
        response = asyncio.run(answered(gateway, "GET", f"{where}?{sent.decode()}"))
    location = response.headers.get("location", "/login/")
    assert location.startswith((REGISTERED, "/login/"))
    assert response.status_code in {303, 400, 413}


@RUNS
@given(extra=some_of(TOKEN))
def test_token(world, extra):
    gateway, city = world
    sent = encoded(city.token_form("code"), extra)
    response = asyncio.run(answered(gateway, "POST", f"{OIDC}/token", content=sent, headers=FORM))
    assert response.status_code in {400, 401, 413}
    assert response.json()["error"] in {
        "invalid_request",
        "invalid_client",
        "invalid_grant",
        "unsupported_grant_type",
    }


@settings(RUNS, max_examples=60)
@given(body=st.binary(max_size=200), content_type=st.sampled_from([*FORM.values(), "application/json", "x/y"]))
def test_bodies_that_are_none(world, body, content_type):
    gateway, _ = world
    for path in (f"{OIDC}/token", f"{OIDC}/userinfo", f"{OIDC}/auth", "/login/x/code", "/login/x/cancel"):
        response = asyncio.run(answered(gateway, "POST", path, content=body, headers={"content-type": content_type}))
        assert "location" not in response.headers


json_like = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=4), inner, max_size=2),
    max_leaves=4,
)


@RUNS
@given(
    changes=st.dictionaries(st.sampled_from(["iss", "sub", "aud", "exp", "iat", "nbf", "jti"]), json_like, min_size=1)
)
def test_signed_claims_of_any_type(world, changes):
    gateway, city = world
    form = city.token_form("code", client_assertion=city.assertion(**changes))
    response = asyncio.run(answered(gateway, "POST", f"{OIDC}/token", data=form))
    assert response.status_code in {400, 401}


@settings(RUNS, max_examples=40)
@given(value=octets.filter(lambda value: b"\r" not in value and b"\n" not in value and b"\0" not in value))
def test_headers(world, value):
    gateway, _ = world
    for name in ("authorization", "cookie", "accept-language", "user-agent", "content-type"):
        headers = {name: value}
        asyncio.run(answered(gateway, "GET", f"{OIDC}/userinfo", headers=headers))
        asyncio.run(answered(gateway, "GET", "/login/x/wait", headers=headers))
    asyncio.run(answered(gateway, "GET", f"{OIDC}/userinfo", headers={"authorization": b"Bearer " + value}))


@RUNS
@given(token=st.binary(max_size=120), where=st.sampled_from(["wait", "collect", "events", "qr"]))
def test_references_that_are_none(world, token, where):
    gateway, _ = world
    response = asyncio.run(answered(gateway, "GET", f"/login/{b64u(token) or 'x'}/{where}"))
    assert response.status_code in {400, 403, 410}
    asyncio.run(answered(gateway, "GET", f"/return?c={b64u(token)}"))
