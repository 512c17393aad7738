"""Nothing that anybody typed or sent, and nothing about a person, stands in a log line; login ids do."""

import pytest
import structlog
from kit.testing.leak_guard import LeakGuard

from tests.component.gateway.phone import PERSON
from tests.component.gateway.world import OIDC

PLANTED = {
    "state": "planted-state-4711",
    "nonce": "planted-nonce-4711",
    "user agent": "planted-agent-4711",
    "address": "192.0.2.7",
    "typed": "PLANTED4711",
    "sealed subject": b"sealed subject of hanako",
    **PERSON,
}


@pytest.fixture
def logged():
    with structlog.testing.capture_logs() as lines:
        yield lines


def check(lines, **more):
    guard = LeakGuard({name: value for name, value in {**PLANTED, **more}.items() if len(value) > 3})
    for line in lines:
        shown = {name: value for name, value in line.items() if name != "exc_info"}
        guard.check(repr(shown), line["event"])


async def test_a_whole_login(logged, gateway, browser, city):
    browser.http.headers["user-agent"] = PLANTED["user agent"]
    city.state, city.nonce = PLANTED["state"], PLANTED["nonce"]
    await browser.authorize(city.request())
    phone = browser.phone()
    await phone.approve()
    code = city.code_of(await browser.come_back(phone))
    token = (await city.redeem(code)).json()["access_token"]
    sub = (await city.userinfo(token)).json()["sub"]
    assert {line["event"] for line in logged} >= {"login_started", "verdict_taken", "login_redeemed"}
    check(logged, code=code, token=token, sub=sub, client="client_id=city", verifier=city.verifier)
    assert all(line.get("login_id", phone.login_id.hex()) == phone.login_id.hex() for line in logged)
    assert not any("city" in str(value) for line in logged for value in line.values())


async def test_everything_refused(logged, gateway, browser, city, bank):
    typed = PLANTED["typed"]
    for name in (*city.request(), "prompt", "max_age", "ui_locales", "unknown"):
        await browser.authorize(city.request(**{name: typed + "\n"}))
    for name in city.token_form("code"):
        await city.redeem("code", **{name: typed})
    for name in ("iss", "sub", "aud", "jti", "exp"):
        await city.redeem("code", client_assertion=city.assertion(**{name: typed + "\n"}))
    form = "&".join(f"{name}={value}" for name, value in city.token_form("code").items())
    async with gateway.http() as http:
        headers = {"content-type": "application/x-www-form-urlencoded"}
        await http.post(f"{OIDC}/token", content=f"{form}&{typed}=1&{typed}=2", headers=headers)
    await city.userinfo(typed)
    await browser.get(f"/login/{typed}/wait")
    await browser.get(f"/return?c={typed}")
    await browser.get(f"/{typed}?{typed}={typed}")
    await browser.http.get(f"{OIDC}/userinfo", headers={"authorization": f"{typed} {typed}"})
    assert logged
    check(logged)


async def test_a_bug_is_logged_without_what_was_sent(logged, gateway, browser, city):
    async def broken(*_, **__):
        raise RuntimeError(PLANTED["state"])

    gateway.challenges.issue = broken
    await browser.authorize(city.request(state=PLANTED["state"]))
    assert [line["event"] for line in logged] == ["request_failed"]
    # The error itself is passed on for its type and places; kit.log leaves its text out (tests/unit/kit/test_log.py).
    check(logged)
