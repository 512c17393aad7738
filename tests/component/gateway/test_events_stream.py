"""Server-sent events: the waiting page hears from any replica, and only when there is something to go on with."""

import asyncio

import pytest
from shirushi.bus.v1 import envelope_pb2 as bus
from shirushi.challenge.v1 import events_pb2 as challenge
from shirushi.verifier.v1 import events_pb2 as verifier


@pytest.fixture
def follow(gateway, browser):
    """Follows a login at a replica, and returns what was heard when the stream has ended."""

    async def follow_(path, replica=0, meanwhile=None):
        async with gateway.http(replica, cookies=dict(browser.login_cookies)) as http:
            listening = asyncio.create_task(http.get(f"{path}/events"))
            while meanwhile and not gateway.replicas[replica][0].waiting._waiting:
                await asyncio.sleep(0.001)
            if meanwhile:
                await meanwhile
            async with asyncio.timeout(3):
                return await listening

    return follow_


@pytest.mark.parametrize("replica", [0, 1])
async def test_a_verdict_sends_a_qr_login_on_at_any_replica(gateway, browser, city, follow, replica):
    await browser.authorize(city.request())
    path = browser.path
    phone = await browser.scanning_phone()
    heard = await follow(path, replica, phone.approve())
    assert heard.headers["content-type"].startswith("text/event-stream")
    assert heard.headers["cache-control"] == "no-store"
    assert heard.text.endswith("event: go\ndata: collect\n\n")


@pytest.mark.parametrize("replica", [0, 1])
async def test_an_app_link_login_is_sent_to_the_page_that_waits_for_the_way_back(browser, started, follow, replica):
    phone = await started()
    heard = await follow(browser.path, replica, phone.approve())
    assert heard.text.endswith("event: go\ndata: wait\n\n")


async def test_a_refusal_sends_the_browser_on(browser, started, follow):
    phone = await started()
    heard = await follow(browser.path, 0, phone.refuse(verifier.REASON_CERTIFICATE_EXPIRED))
    assert heard.text.endswith("event: go\ndata: collect\n\n")


async def test_what_has_happened_before_is_heard_at_once(browser, started, follow):
    phone = await started()
    path = browser.path
    await phone.refuse(verifier.REASON_CERTIFICATE_EXPIRED)
    assert (await follow(path)).text.endswith("event: go\ndata: collect\n\n")


async def test_progress_is_told_without_saying_whose(gateway, browser, started, follow):
    phone = await started()

    async def claimed_then_answered():
        message = challenge.ChallengeClaimed(claimed_at_ms=1)
        await gateway.challenge.publish(bus.EVENT_TYPE_CHALLENGE_CLAIMED, phone.login_id, phone.epoch, message)
        await gateway.hub.settle()
        await asyncio.sleep(0.01)
        await phone.approve()

    heard = (await follow(browser.path, 0, claimed_then_answered())).text
    assert "event: progress\ndata: claimed\n\n" in heard
    assert phone.login_id.hex() not in heard


async def test_a_stream_ends_when_the_server_stops(gateway, browser, started):
    await started()
    state = {"stopping": asyncio.Event()}
    sent = []

    async def receive():
        await asyncio.Event().wait()

    async def send(message):
        sent.append(message)
        if b"event" in message.get("body", b"") or b":" in message.get("body", b""):
            state["stopping"].set()

    cookies = "; ".join(f"{name}={value}" for name, value in browser.login_cookies.items())
    scope = {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.3"},
        "http_version": "1.1",
        "method": "GET",
        "scheme": "https",
        "path": f"{browser.path}/events",
        "raw_path": f"{browser.path}/events".encode(),
        "query_string": b"",
        "root_path": "",
        "headers": [(b"cookie", cookies.encode())],
        "client": ("192.0.2.7", 1),
        "server": ("gateway.test", 443),
        "state": state,
    }
    async with asyncio.timeout(3):
        await gateway.app(scope, receive, send)
    assert sent[0]["status"] == 200
    assert not gateway.parts.waiting._waiting


async def test_another_browser_hears_nothing(gateway, browser, other_browser, started):
    await started()
    response = await other_browser.get(f"{browser.path}/events")
    assert response.status_code == 403
