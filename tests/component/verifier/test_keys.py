"""Deadline keys that are not there yet, or were replaced: the answer waits, or ends; it never gets lost in between."""

import os

import pytest
from kit.errors import Unavailable
from shirushi.bus.v1 import envelope_pb2 as bus_pb
from shirushi.verifier.v1 import events_pb2 as pb

from tests.component.verifier.conftest import LOGIN
from tests.support.jpki import T0

ANSWERED = "shirushi.challenge.answered.v1"


async def test_while_the_verifier_has_no_share_yet_the_answer_waits(world):
    sealed = await world.deployment.codecs["challenge"].seal(
        bus_pb.EVENT_TYPE_CHALLENGE_ANSWERED, LOGIN, world.epoch, world.fact()
    )
    custody = world.deployment.custodies["verifier"]
    keys = dict(custody._keys)
    custody._keys.clear()
    await world.hub.append(ANSWERED, LOGIN, sealed)
    assert world.verifier.bus.in_flight == 1
    assert world.verdicts == []
    custody._keys.update(keys)
    await world.hub.settle()
    assert len(world.verdicts) == 1


async def test_while_pseudonym_has_no_sealing_key_yet_the_verdict_waits(world):
    fact = world.fact()
    verdict_on, failures = world.verifier.examination.verdict_on, []
    codec = world.verifier.examination._codec

    class NotYet:
        async def seal_inner(self, *arguments):
            if not failures:
                failures.append(arguments)
                raise Unavailable("a sealing key is not published yet", reason="sealing_key_missing")
            return await codec.seal_inner(*arguments)

    world.verifier.examination._codec = NotYet()
    with pytest.raises(Unavailable):
        await verdict_on(LOGIN, world.epoch, fact)
    assert (await world.answer(fact)).HasField("verified")


async def test_a_parked_check_whose_keys_were_lost_ends_with_them(world, clock):
    world.responder.away = True
    await world.answer()
    # All keepers lost the chain: a new one begins, and nobody opens what the old one sealed.
    world.deployment.keeper.chain_id = os.urandom(16)
    world.deployment.keeper._root = os.urandom(32)
    await world.deployment.refresh()
    world.responder.away = False
    clock.advance(60)
    await world.retry()
    assert world.verdicts == []
    assert world.verifier.telemetry.registry is not None


async def test_an_answer_of_the_last_minute_is_still_verified(world, clock):
    clock.t = world.hour.key_deadline(world.epoch) - 1
    await world.deployment.refresh()
    fact = world.fact(answered_at_ms=int(T0 * 1000))
    assert (await world.answer(fact)).HasField("verified")


async def test_a_refusal_needs_no_key_of_pseudonym(world):
    world.verifier.examination._codec = None
    verdict = await world.answer(spoil_signed=lambda e: setattr(e.signatures[0], "value", b"x"))
    assert pb.Reason.Name(verdict.refused.reason) == "REASON_SIGNATURE_INVALID"
