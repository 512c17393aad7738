"""The authorization code: good once, for one client, one redirect URI and one verifier, for a minute."""

import asyncio
from urllib.parse import urlencode

import pytest

from tests.component.gateway.relying_party import NOTHING
from tests.component.gateway.world import OIDC

GRANT_REFUSALS = [
    ({"redirect_uri": "https://city.test/other"}, "invalid_grant"),
    ({"redirect_uri": "https://city.test/callback/"}, "invalid_grant"),
    ({"code_verifier": "x" * 43}, "invalid_grant"),
    ({"code_verifier": "short"}, "invalid_grant"),
    ({"code_verifier": "é" * 43}, "invalid_grant"),
    ({"code_verifier": NOTHING}, "invalid_request"),
]
REQUEST_REFUSALS = [
    ({"code": NOTHING}, "invalid_request"),
    ({"code": ""}, "invalid_request"),
    ({"redirect_uri": NOTHING}, "invalid_request"),
    ({"grant_type": NOTHING}, "invalid_request"),
    ({"grant_type": ""}, "invalid_request"),
    ({"grant_type": "password"}, "unsupported_grant_type"),
    ({"grant_type": "refresh_token"}, "unsupported_grant_type"),
    ({"grant_type": "client_credentials"}, "unsupported_grant_type"),
]
NO_CODES = ["x", "é", "AAAA", "A" * 22, "A" * 200, "_" * 60, "/////", "A" * 1000, "-" * 44]


def refusal(response):
    assert response.headers["cache-control"] == "no-store"
    return response.status_code, response.json()["error"]


@pytest.mark.parametrize(("changes", "error"), GRANT_REFUSALS)
async def test_a_code_is_spent_even_when_the_rest_is_wrong(collected, city, changes, error):
    code = await collected()
    assert refusal(await city.redeem(code, **changes)) == (400, error)
    assert refusal(await city.redeem(code)) == (400, "invalid_grant")


@pytest.mark.parametrize(("changes", "error"), REQUEST_REFUSALS)
async def test_a_request_that_is_none_spends_nothing(collected, city, changes, error):
    code = await collected()
    assert refusal(await city.redeem(code, **changes)) == (400, error)
    assert (await city.redeem(code)).status_code == 200


@pytest.mark.parametrize("code", NO_CODES)
async def test_what_is_no_code(city, code):
    assert refusal(await city.redeem(code)) == (400, "invalid_grant")


async def test_a_code_used_twice_takes_its_access_token_back(gateway, collected, city):
    code = await collected()
    token = (await city.redeem(code)).json()["access_token"]
    assert (await city.userinfo(token)).status_code == 200
    assert refusal(await city.redeem(code)) == (400, "invalid_grant")
    assert (await city.userinfo(token)).status_code == 401
    assert refusal(await city.redeem(code)) == (400, "invalid_grant")
    assert [outcome for _, outcome, _ in await gateway.concluded()] == ["completed"]


async def test_of_two_redemptions_at_once_one_wins_and_its_token_is_taken_back(collected, city):
    code = await collected()
    answers = await asyncio.gather(city.redeem(code), city.redeem(code))
    won = [answer for answer in answers if answer.status_code == 200]
    assert len(won) <= 1
    for answer in won:
        assert (await city.userinfo(answer.json()["access_token"])).status_code == 401


async def test_another_client_can_neither_use_nor_spoil_a_code(collected, city, desk):
    code = await collected()
    assert refusal(await desk.redeem(code, code_verifier=city.verifier)) == (400, "invalid_grant")
    assert (await city.redeem(code)).status_code == 200


async def test_a_failed_authentication_spends_nothing(collected, city):
    code = await collected()
    assert refusal(await city.redeem(code, client_assertion=city.assertion(exp=1))) == (401, "invalid_client")
    assert (await city.redeem(code)).status_code == 200


async def test_a_code_is_good_for_a_minute(gateway, collected, city):
    code = await collected()
    await gateway.advance(60.5)
    assert refusal(await city.redeem(code)) == (400, "invalid_grant")


async def test_a_code_is_good_until_the_minute_is_over(gateway, collected, city):
    code = await collected()
    await gateway.advance(59)
    assert (await city.redeem(code)).status_code == 200


async def test_a_code_of_a_forgotten_hour_is_none(gateway, collected, city):
    code = await collected()
    await gateway.advance(3600)
    assert refusal(await city.redeem(code)) == (400, "invalid_grant")


async def test_tokens_of_other_kinds_are_no_codes(collected, browser, city):
    code = await collected()
    token = (await city.redeem(code)).json()["access_token"]
    assert refusal(await city.redeem(token)) == (400, "invalid_grant")
    assert (await city.userinfo(code)).status_code == 401


async def test_the_grant_type_belongs_in_the_body(gateway, collected, city):
    form = city.token_form(await collected())
    form.pop("grant_type")
    async with gateway.http() as http:
        response = await http.post(f"{OIDC}/token?grant_type=authorization_code", data=form)
    assert response.json() == {
        "error": "invalid_request",
        "error_description": "Missing form parameter: grant_type",
    }


@pytest.mark.parametrize(
    "content_type", ["application/json", "text/plain", "multipart/form-data; boundary=x", "", None]
)
async def test_the_body_must_be_a_form(gateway, city, content_type):
    headers = {} if content_type is None else {"content-type": content_type}
    async with gateway.http() as http:
        body = urlencode(city.token_form("code"))
        response = await http.post(f"{OIDC}/token", content=body.encode(), headers=headers)
    assert refusal(response) == (400, "invalid_request")


@pytest.mark.parametrize(
    "name", ["grant_type", "code", "redirect_uri", "code_verifier", "client_id", "client_assertion"]
)
@pytest.mark.parametrize("fault", ["doubled", "not_utf8", "too_long"])
async def test_a_parameter_that_cannot_be_read(gateway, city, name, fault):
    form = city.token_form("code")
    body = urlencode({**form, name: form[name] if fault == "doubled" else ""})
    body += {"doubled": f"&{name}=x", "not_utf8": "%ff", "too_long": ""}[fault]
    if fault == "not_utf8":
        body = urlencode({n: v for n, v in form.items() if n != name}) + f"&{name}=%ff"
    if fault == "too_long":
        body = urlencode({**form, name: "x" * 9000})
    headers = {"content-type": "application/x-www-form-urlencoded"}
    async with gateway.http() as http:
        response = await http.post(f"{OIDC}/token", content=body.encode(), headers=headers)
    assert refusal(response) in {(400, "invalid_request"), (401, "invalid_client"), (400, "invalid_grant")}
    if fault != "too_long":
        assert refusal(response) == (400, "invalid_request")
        assert name in response.json()["error_description"]


async def test_a_body_that_is_too_large(gateway):
    async with gateway.http() as http:
        response = await http.post(f"{OIDC}/token", data={"code": "x" * 100_000})
    assert refusal(response) == (413, "invalid_request")


async def test_the_token_endpoint_takes_posts_only(gateway, city):
    async with gateway.http() as http:
        response = await http.get(f"{OIDC}/token", params=city.token_form("code"))
    assert (response.status_code, response.json()["error"]) == (405, "invalid_request")


async def test_while_the_database_is_away_the_code_stays_as_it_was(gateway, collected, city):
    code = await collected()
    gateway.logins_kept.away = True
    response = await city.redeem(code)
    assert (response.status_code, response.json()["error"]) == (503, "temporarily_unavailable")
    gateway.logins_kept.away = False
    assert (await city.redeem(code)).status_code == 200


async def test_while_the_bus_is_away_the_relying_party_waits_for_nothing(gateway, collected, city):
    code = await collected()
    gateway.hub.away = True
    assert (await city.redeem(code)).status_code == 200
    gateway.hub.away = False
    assert not await gateway.concluded()
    await gateway.advance(61)
    await gateway.sweeper.sweep()
    assert [outcome for _, outcome, _ in await gateway.concluded()] == ["completed"]


async def test_a_token_that_was_taken_back_is_none_at_any_replica(gateway, collected, city):
    code = await collected()
    token = (await city.redeem(code)).json()["access_token"]
    async with gateway.http(1, headers={"authorization": f"Bearer {token}"}) as http:
        assert (await http.get(f"{OIDC}/userinfo")).status_code == 200
        await city.redeem(code)
        await gateway.hub.settle()
        assert (await http.get(f"{OIDC}/userinfo")).status_code == 401
