"""Userinfo: who presents a good access token is told what it is good for, and for five minutes only (RFC 6750)."""

import pytest

from tests.component.gateway.world import OIDC

USERINFO = f"{OIDC}/userinfo"
FORM = {"content-type": "application/x-www-form-urlencoded"}


@pytest.fixture
async def access_token(collected, city):
    return (await city.redeem(await collected())).json()["access_token"]


@pytest.fixture
async def http(gateway):
    async with gateway.http() as http:
        yield http


def told(response):
    """Status and error, with the header that RFC 6750 §3 asks for."""
    assert response.headers["cache-control"] == "no-store"
    challenge = response.headers["www-authenticate"]
    assert challenge.startswith("Bearer")
    error = (response.json() or {}).get("error")
    assert (error is None) == ("error=" not in challenge)
    return response.status_code, error


async def test_a_token_in_the_header_or_in_a_posted_form_is_the_same(http, access_token):
    by_header = await http.get(USERINFO, headers={"authorization": f"Bearer {access_token}"})
    by_posted_header = await http.post(USERINFO, headers={"authorization": f"bearer {access_token}"})
    by_form = await http.post(USERINFO, data={"access_token": access_token})
    assert by_header.status_code == 200
    assert by_header.json() == by_posted_header.json() == by_form.json()
    assert by_header.headers["cache-control"] == "no-store"


async def test_no_token_gets_the_bare_challenge(http):
    assert told(await http.get(USERINFO)) == (401, None)
    assert told(await http.post(USERINFO)) == (401, None)


async def test_a_token_in_the_query_is_none(http, access_token):
    assert told(await http.get(USERINFO, params={"access_token": access_token})) == (401, None)


@pytest.mark.parametrize("scheme", ["Basic", "DPoP", "Token", ""])
async def test_other_schemes_are_no_token(http, access_token, scheme):
    assert told(await http.get(USERINFO, headers={"authorization": f"{scheme} {access_token}"})) == (401, None)


@pytest.mark.parametrize(
    "token", ["", "x", "A" * 22, "A" * 120, "_" * 120, "x" * 5000, "a b", "é", "a,b", "=", "%00", "0" * 60]
)
async def test_what_is_no_access_token(http, token):
    response = await http.get(USERINFO, headers={"authorization": f"Bearer {token}".encode("latin-1")})
    status, error = told(response)
    assert status in {400, 401}
    assert error in {"invalid_token", "invalid_request", None}


async def test_a_doubled_header_is_refused(http, access_token):
    headers = [("authorization", f"Bearer {access_token}"), ("authorization", f"Bearer {access_token}")]
    assert told(await http.get(USERINFO, headers=headers)) == (400, "invalid_request")


async def test_header_and_form_together_are_refused(http, access_token):
    headers = {"authorization": f"Bearer {access_token}"}
    response = await http.post(USERINFO, headers=headers, data={"access_token": access_token})
    assert told(response) == (400, "invalid_request")


@pytest.mark.parametrize("body", ["access_token=a&access_token=b", "access_token=%ff", "access_token=" + "x" * 9000])
async def test_a_form_that_cannot_be_read(http, body):
    status, error = told(await http.post(USERINFO, content=body.encode(), headers=FORM))
    assert (status, error) in {(400, "invalid_request"), (401, "invalid_token")}


async def test_an_access_token_ends_after_five_minutes(gateway, http, access_token):
    headers = {"authorization": f"Bearer {access_token}"}
    await gateway.advance(299)
    assert (await http.get(USERINFO, headers=headers)).status_code == 200
    await gateway.advance(1)
    assert told(await http.get(USERINFO, headers=headers)) == (401, "invalid_token")


async def test_an_access_token_of_a_forgotten_hour_is_none(gateway, http, access_token):
    await gateway.advance(3600)
    headers = {"authorization": f"Bearer {access_token}"}
    assert told(await http.get(USERINFO, headers=headers)) == (401, "invalid_token")


async def test_a_changed_access_token_is_none(http, access_token):
    for place in (0, 10, 40, len(access_token) - 1):
        other = "A" if access_token[place] != "A" else "B"
        changed = access_token[:place] + other + access_token[place + 1 :]
        headers = {"authorization": f"Bearer {changed}"}
        assert told(await http.get(USERINFO, headers=headers)) == (401, "invalid_token"), place


async def test_the_attributes_rest_no_longer_than_their_access_token(gateway, access_token):
    (row,) = gateway.logins_kept.rows.values()
    assert row.document.expires_at == gateway.clock.now() + 300


async def test_while_the_database_is_away_the_caller_is_told_to_try_again(gateway, http, access_token):
    gateway.logins_kept.away = True
    response = await http.get(USERINFO, headers={"authorization": f"Bearer {access_token}"})
    assert response.status_code in {200, 503}


async def test_the_sub_is_pairwise(gateway, collected, started, browser, city, desk):
    first = (await city.userinfo((await city.redeem(await collected())).json()["access_token"])).json()
    again = (await city.userinfo((await city.redeem(await collected())).json()["access_token"])).json()
    await browser.authorize(desk.request())
    phone = browser.phone()
    await phone.approve()
    code = desk.code_of(await browser.come_back(phone))
    other = (await desk.userinfo((await desk.redeem(code)).json()["access_token"])).json()
    assert first["sub"] == again["sub"] != other["sub"]
