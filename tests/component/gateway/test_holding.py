"""A browser that comes back before its verdict is kept for a moment instead of being sent round."""

import asyncio

import pytest
from gateway.web import wait
from shirushi.bus.v1 import envelope_pb2 as bus
from shirushi.challenge.v1 import events_pb2 as challenge
from shirushi.evidence.v1 import evidence_pb2 as evidence
from shirushi.verifier.v1 import events_pb2 as verifier


async def claimed(gateway, phone):
    message = challenge.ChallengeClaimed(transport=evidence.TRANSPORT_APP_LINK)
    await gateway.challenge.publish(bus.EVENT_TYPE_CHALLENGE_CLAIMED, phone.login_id, phone.epoch, message)
    await gateway.hub.settle()


async def held(gateway, replica=0):
    """Waits until a request is held at a replica."""
    async with asyncio.timeout(2):
        while not gateway.replicas[replica][0].waiting._waiting:
            await asyncio.sleep(0.001)


async def test_a_return_before_the_verdict_goes_on_with_it(gateway, browser, city, started):
    phone = await started()
    coming = asyncio.create_task(browser.get(phone.return_path))
    await held(gateway)
    await phone.approve()
    city.code_of(await coming)


async def test_progress_alone_does_not_end_the_wait(gateway, browser, city, started):
    phone = await started()
    coming = asyncio.create_task(browser.get(phone.return_path))
    await held(gateway)
    await claimed(gateway, phone)
    await asyncio.sleep(0.01)
    assert not coming.done()
    await phone.approve()
    city.code_of(await coming)


async def test_a_verdict_taken_by_another_replica_ends_the_wait(gateway, browser, city, started):
    phone = await started()
    browser.http = gateway.http(1, cookies=browser.http.cookies)
    coming = asyncio.create_task(browser.get(phone.return_path))
    await held(gateway, 1)
    await phone.approve()
    city.code_of(await coming)


async def test_a_refusal_ends_the_wait_too(gateway, browser, started):
    phone = await started()
    coming = asyncio.create_task(browser.get(phone.return_path))
    await held(gateway)
    await phone.refuse(verifier.REASON_CERTIFICATE_REVOKED)
    response = await coming
    assert response.status_code == 303
    assert "error_description=card_not_accepted" in response.headers["location"]


async def test_without_a_verdict_the_waiting_page_comes(monkeypatch, gateway, browser, started):
    monkeypatch.setattr(wait, "HOLD_SECONDS", 0.01)
    phone = await started()
    response = await browser.get(phone.return_path)
    assert response.status_code == 200
    assert 'http-equiv="refresh" content="2;url=/login/' in response.text
    assert not gateway.replicas[0][0].waiting._waiting


@pytest.mark.parametrize("claims", [True, False])
async def test_the_first_page_is_held_only_once_a_phone_has_the_challenge(
    monkeypatch, gateway, browser, started, claims
):
    monkeypatch.setattr(wait, "HOLD_SECONDS", 0.2 if claims else 60)
    phone = await started()
    if claims:
        await claimed(gateway, phone)
    began = asyncio.get_running_loop().time()
    async with asyncio.timeout(5):
        response = await browser.get(f"{browser.path}/wait")
    assert response.status_code == 200
    assert (asyncio.get_running_loop().time() - began >= 0.19) is claims
