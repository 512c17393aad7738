"""The process is killed at every arrow of store → publish → confirm; the phone tries again, and all is well."""

import pytest
from challenge.domain.challenge import CancelReason, State
from kit.errors import Unavailable

from tests.unit.challenge.conftest import Died

SEALED = b"sealed" * 200


@pytest.fixture
async def claimed(world, phone):
    await world.issue()
    given = await phone.claim(world.dispatch, world.link())
    world.challenges.writes = 0
    return given.challenge.challenge_id


# Where the process dies, the state it leaves, and whether the bus already has the answer.
ARROWS = {
    "before the digest is stored": ({"die_before": 1}, {}, State.CLAIMED, 0),
    "after the digest is stored": ({"die_after": 1}, {}, State.ANSWERING, 0),
    "before publishing": ({}, {"die_before": True}, State.ANSWERING, 0),
    "after publishing": ({}, {"die_after": True}, State.ANSWERING, 1),
    "before the confirmation": ({"die_before": 2}, {}, State.ANSWERING, 1),
    "before the 202": ({"die_after": 2}, {}, State.ANSWERED, 1),
}


@pytest.mark.parametrize("arrow", ARROWS)
async def test_a_repeated_answer_heals_every_arrow(world, phone, claimed, arrow):
    store_dies, bus_dies, left, published = ARROWS[arrow]
    vars(world.challenges).update(store_dies)
    vars(world.facts).update(bus_dies)
    with pytest.raises(Died):
        await phone.answer(world.dispatch, claimed, SEALED)
    assert world.stored().state is left
    assert len(world.facts.answers) == published
    # Restarted; the phone has had no 202 and posts the same again.
    vars(world.challenges).update(die_before=0, die_after=0)
    vars(world.facts).update(die_before=False, die_after=False)
    world.clock.advance(20)
    assert (await phone.answer(world.dispatch, claimed, SEALED)).state is State.ANSWERED
    assert world.stored().state is State.ANSWERED
    assert world.facts.answers
    # Published again unless the bus was known to have it; however often it was, it says the same.
    assert len(world.facts.answers) == (published if left is State.ANSWERED else published + 1)
    assert len({(challenge.answer, challenge.claim, sealed) for challenge, sealed in world.facts.answers}) == 1


async def test_no_202_while_the_bus_is_away(world, phone, claimed):
    world.facts.away = True
    with pytest.raises(Unavailable):
        await phone.answer(world.dispatch, claimed, SEALED)
    assert world.stored().state is State.ANSWERING
    world.facts.away = False
    await phone.answer(world.dispatch, claimed, SEALED)
    assert len(world.facts.answers) == 1


async def test_a_verdict_may_overtake_the_confirmation(world, phone, claimed):
    async def verdict():
        await world.dispatch.post_notice(b"L" * 16, b"notice")

    async def nothing():
        pass

    world.challenges.before_replace += [nothing, verdict]
    after = await phone.answer(world.dispatch, claimed, SEALED)
    assert after.state is State.REFUSED
    assert world.stored().notice == b"notice"
    # The phone that missed this answer gets the same one, and nothing is published any more.
    assert (await phone.answer(world.dispatch, claimed, SEALED)).state is State.REFUSED
    assert len(world.facts.answers) == 1


async def test_two_posts_of_the_same_answer_at_once_are_both_accepted(world, phone, claimed):
    async def overtake():
        await phone.answer(world.dispatch, claimed, SEALED)

    world.challenges.before_replace.append(overtake)
    assert (await phone.answer(world.dispatch, claimed, SEALED)).state is State.ANSWERED


@pytest.mark.parametrize("bus_dies", [{"die_before": True}, {"die_after": True}, {"away": True}])
async def test_a_repeated_cancellation_heals(world, phone, claimed, bus_dies):
    vars(world.facts).update(bus_dies)
    with pytest.raises((Died, Unavailable)):
        await phone.cancel(world.dispatch, claimed, CancelReason.PIN_LOCKED)
    assert world.stored().state is State.CANCELLED
    vars(world.facts).update(die_before=False, die_after=False, away=False)
    await phone.cancel(world.dispatch, claimed, CancelReason.PIN_LOCKED)
    assert {fact.cancel_reason for fact in world.facts.cancellations} == {CancelReason.PIN_LOCKED}


@pytest.mark.parametrize("when", ["die_before", "die_after"])
async def test_a_claim_whose_answer_was_lost_is_repeated(world, phone, when):
    await world.issue()
    vars(world.challenges)[when] = 1
    with pytest.raises(Died):
        await phone.claim(world.dispatch, world.link())
    vars(world.challenges).update(die_before=0, die_after=0)
    given = await phone.claim(world.dispatch, world.link())
    assert world.stored().claim == given.claim
