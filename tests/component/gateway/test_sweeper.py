"""Every login ends, and is told to the auditors: what nobody finishes the sweeper does, also after a crash in between."""

import pytest
from kit.hour import Hour
from shirushi.bus.v1 import envelope_pb2 as bus
from shirushi.gateway.v1 import events_pb2 as pb
from shirushi.verifier.v1 import events_pb2 as verifier

from tests.component.gateway.world import T0

MINUTE = Hour().minutes(1)


async def claim(gateway, browser, city):
    await browser.authorize(city.request())
    gateway.challenges.claimed.clear()
    await gateway.advance(5.2 * MINUTE)


async def answer(gateway, browser, city):
    await browser.authorize(city.request())
    browser.phone()
    await gateway.advance(5.2 * MINUTE)


async def verify(gateway, browser, city):
    await browser.authorize(city.request())
    gateway.challenges.answered.add(browser.phone().login_id)
    await gateway.advance(5.2 * MINUTE)
    await gateway.sweeper.sweep()
    assert not await gateway.concluded()
    await gateway.advance(46 * MINUTE)


async def collect(gateway, browser, city):
    await browser.authorize(city.request())
    await browser.phone().approve()
    await gateway.advance(51.9 * MINUTE)
    await gateway.sweeper.sweep()
    assert not await gateway.concluded()
    await gateway.advance(0.2 * MINUTE)


async def redeem(gateway, browser, city):
    await browser.authorize(city.request())
    phone = browser.phone()
    await phone.approve()
    city.code_of(await browser.come_back(phone))
    await gateway.advance(1.2 * MINUTE)


STAGES = {
    pb.STAGE_CLAIM: claim,
    pb.STAGE_ANSWER: answer,
    pb.STAGE_VERIFY: verify,
    pb.STAGE_COLLECT: collect,
    pb.STAGE_REDEEM: redeem,
}


def test_every_stage_has_a_row():
    assert set(STAGES) == set(pb.Stage.values()) - {pb.STAGE_UNSPECIFIED}


@pytest.mark.parametrize("stage", STAGES, ids=pb.Stage.Name)
async def test_a_login_that_stops_at_a_stage_expires_there(gateway, browser, city, stage):
    await STAGES[stage](gateway, browser, city)
    await gateway.sweeper.sweep()
    (login_id,) = gateway.logins_kept.rows
    assert await gateway.concluded() == [(login_id, "expired", stage)]
    await gateway.advance(5 * MINUTE)
    await gateway.sweeper.sweep()
    assert len(await gateway.concluded()) == 1


@pytest.mark.parametrize(
    "stage", [pb.STAGE_CLAIM, pb.STAGE_ANSWER, pb.STAGE_VERIFY, pb.STAGE_COLLECT], ids=pb.Stage.Name
)
async def test_the_browser_of_an_expired_login_leads_back_to_the_relying_party(gateway, browser, city, stage):
    await browser.authorize(city.request())
    path = browser.path
    gateway.logins_kept.rows.clear()
    gateway.clock.t = T0
    await STAGES[stage](gateway, browser, city)
    path = browser.path
    await gateway.sweeper.sweep()
    assert city.error_of(await browser.get(f"{path}/wait")) == ("access_denied", "expired")


async def test_an_expired_code_is_none(gateway, browser, started, city):
    phone = await started()
    await phone.approve()
    code = city.code_of(await browser.come_back(phone))
    await gateway.advance(1.2 * MINUTE)
    await gateway.sweeper.sweep()
    assert (await city.redeem(code)).json()["error"] == "invalid_grant"


async def test_nothing_is_swept_before_its_time(gateway, browser, city):
    await browser.authorize(city.request())
    await gateway.advance(5 * MINUTE)
    assert await gateway.sweeper.sweep() == 0
    assert not gateway.challenges.withdrawn


async def test_while_challenge_is_away_the_sweeper_waits(gateway, browser, city):
    await claim(gateway, browser, city)
    gateway.challenges.away = True
    await gateway.sweeper.sweep()
    assert not await gateway.concluded()
    gateway.challenges.away = False
    await gateway.advance(MINUTE)
    await gateway.sweeper.sweep()
    assert [stage for _, _, stage in await gateway.concluded()] == [pb.STAGE_CLAIM]


async def test_one_login_that_cannot_be_handled_stops_no_other(gateway, browser, city):
    await browser.authorize(city.request())
    await browser.authorize(city.request())
    gateway.challenges.claimed.clear()
    first, second = gateway.logins_kept.rows
    withdraw = gateway.challenges.withdraw

    async def broken(login_id, epoch):
        if login_id == first:
            raise RuntimeError("something is broken about this one")
        return await withdraw(login_id, epoch)

    gateway.challenges.withdraw = broken
    await gateway.advance(5.2 * MINUTE)
    await gateway.sweeper.sweep()
    assert [login_id for login_id, _, _ in await gateway.concluded()] == [second]


async def test_a_conclusion_that_was_stored_and_not_published_is_published_later(gateway, browser, started):
    phone = await started()
    gateway.hub.away = True
    await browser.post(f"{browser.path}/cancel")
    assert gateway.state(phone.login_id) == "refused"
    gateway.hub.away = False
    assert not await gateway.concluded()
    await gateway.advance(MINUTE)
    await gateway.sweeper.sweep()
    assert await gateway.concluded() == [(phone.login_id, "refused", verifier.REASON_CANCELLED_BY_BROWSER)]


async def test_a_process_that_dies_between_store_and_publish_is_made_up_for(gateway, started):
    phone = await started()
    parts = gateway.parts

    async def died(stored):
        raise SystemExit

    facts = parts.verdicts.facts
    concluded, facts.concluded = facts.concluded, died
    with pytest.raises(SystemExit):
        await parts.verdicts.refuse(phone.login_id, verifier.REASON_SIGNATURE_INVALID)
    facts.concluded = concluded
    await gateway.advance(MINUTE)
    # The other replica takes over.
    await gateway.replicas[1][2].sweep()
    assert await gateway.concluded() == [(phone.login_id, "refused", verifier.REASON_SIGNATURE_INVALID)]


async def test_a_redemption_whose_conclusion_was_lost_is_published_as_completed(gateway, collected, city):
    code = await collected()
    gateway.hub.away = True
    token = (await city.redeem(code)).json()["access_token"]
    gateway.hub.away = False
    await gateway.advance(MINUTE)
    await gateway.replicas[1][2].sweep()
    assert [outcome for _, outcome, _ in await gateway.concluded()] == ["completed"]
    assert (await city.userinfo(token)).status_code == 200


async def test_a_login_whose_request_is_published_again_counts_as_started_once(gateway, browser, city):
    await claim(gateway, browser, city)
    await gateway.sweeper.sweep()
    assert len(await gateway.told(bus.EVENT_TYPE_LOGIN_REQUESTED, pb.LoginRequested)) == 2
    assert b"shirushi_logins_started_total 1.0" in gateway.telemetry.render()


async def test_a_login_whose_request_could_not_be_published_still_counts_as_started(gateway, browser, city):
    gateway.hub.away = True
    await browser.authorize(city.request())
    gateway.hub.away = False
    gateway.challenges.claimed.clear()
    await gateway.advance(5.2 * MINUTE)
    await gateway.sweeper.sweep()
    figures = gateway.telemetry.render()
    assert b"shirushi_logins_started_total 1.0" in figures
    assert b'shirushi_logins_concluded_total{outcome="expired"} 1.0' in figures


async def test_two_sweepers_share_the_work(gateway, browser, city):
    await claim(gateway, browser, city)
    first, second = await gateway.sweeper.sweep(), await gateway.replicas[1][2].sweep()
    assert (first, second) == (1, 0)


async def test_a_code_spent_in_vain_expires_at_redemption(gateway, collected, city):
    await city.redeem(await collected(), code_verifier="x" * 43)
    await gateway.sweeper.sweep()
    assert [(outcome, stage) for _, outcome, stage in await gateway.concluded()] == [("expired", pb.STAGE_REDEEM)]
