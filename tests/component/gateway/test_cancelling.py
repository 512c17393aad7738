"""Holder and browser may give up; the relying party hears which of the two it was not."""

import pytest
from shirushi.challenge.v1 import events_pb2 as challenge
from shirushi.verifier.v1 import events_pb2 as verifier


@pytest.mark.parametrize(
    ("reason", "told"),
    [
        (challenge.CANCEL_REASON_DECLINED, "cancelled"),
        (challenge.CANCEL_REASON_NOT_MINE, "cancelled"),
        (challenge.CANCEL_REASON_CARD_UNREADABLE, "cancelled"),
        (challenge.CANCEL_REASON_PIN_LOCKED, "card_not_accepted"),
        (99, "cancelled"),
    ],
)
async def test_the_holder_cancels(gateway, browser, started, city, reason, told):
    phone = await started()
    path = browser.path
    await phone.cancel(reason)
    assert city.error_of(await browser.get(f"{path}/wait")) == ("access_denied", told)


async def test_the_browser_cancels_and_challenge_hears_of_it(gateway, browser, started, city):
    phone = await started()
    response = await browser.post(f"{browser.path}/cancel")
    assert city.error_of(response) == ("access_denied", "cancelled")
    assert gateway.challenges.withdrawn == [phone.login_id]
    assert await gateway.concluded() == [(phone.login_id, "refused", verifier.REASON_CANCELLED_BY_BROWSER)]
    await phone.cancel(by=challenge.CANCELLED_BY_BROWSER)
    assert len(await gateway.concluded()) == 1


async def test_the_browser_cancels_while_challenge_is_away(gateway, browser, started, city):
    phone = await started()
    gateway.challenges.away = True
    assert city.error_of(await browser.post(f"{browser.path}/cancel"))[1] == "cancelled"
    assert gateway.state(phone.login_id) == "refused"


async def test_a_verdict_after_the_browser_gave_up_changes_nothing(gateway, browser, started):
    phone = await started()
    await browser.post(f"{browser.path}/cancel")
    await phone.approve()
    assert gateway.state(phone.login_id) == "refused"
