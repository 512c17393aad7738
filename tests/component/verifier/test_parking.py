"""A revocation source that does not answer: the login waits, is tried again by any replica, and ends definitely."""

from datetime import timedelta

import pytest
from kit.errors import Unavailable
from kit.hour import Hour
from kit.testing.fake_custody import FakeDeployment
from sandbox.ca import root
from sandbox.ca.authority import Credential
from shirushi.bus.v1 import envelope_pb2 as bus_pb
from shirushi.verifier.v1 import events_pb2 as pb
from verifier.domain.deadline import verdict_due
from verifier.domain.ocsp import Standing
from verifier.retries import LIMIT
from verifier.store import COLLECTION, FIRST_PAUSE_MINUTES, LEASE_SECONDS, LONGEST_PAUSE_MINUTES

from tests.component.verifier.conftest import LOGIN, Replica, World
from tests.support import evidence as phone
from tests.support import jpki
from tests.support.jpki import NOW, T0

OTHER_LOGIN = b"o" * 16


@pytest.fixture
async def waiting(world):
    """A login whose check is parked."""
    world.responder.away = True
    assert await world.answer(agreed=("name",)) is None
    return world


def due_at(world):
    return world.parked[LOGIN].document.due_at


def only_verdict(world):
    (event,) = world.verdicts
    return event.message


async def test_a_parked_check_is_kept_sealed_and_said_to_take_longer(waiting):
    assert [event.message.attempts for event in waiting.delayed] == [1]
    assert waiting.delayed[0].message.delayed_at_ms == int(T0 * 1000)
    row = waiting.parked[LOGIN]
    for readable in ("番号　花子".encode(), phone.CHALLENGE_ID.encode(), b"ABCDEFGHIJ", phone.NONCE):
        assert readable not in row.box
    assert row.document.expires_at == waiting.hour.key_deadline(waiting.epoch)
    assert waiting.verdicts == []
    assert waiting.figure("verifier_delayed_total") == 1


async def test_it_is_tried_again_when_it_is_due_and_not_before(waiting, clock):
    waiting.responder.away = False
    assert await waiting.retry() == 0
    clock.t = due_at(waiting)
    assert await waiting.retry() == 1
    assert only_verdict(waiting).verified.attributes.name == "番号　花子"
    assert waiting.parked == {}


@pytest.mark.parametrize("standing", [Standing.REVOKED, Standing.SUSPENDED, Standing.UNKNOWN])
async def test_a_late_answer_refuses_as_an_early_one_would(standing, waiting, clock):
    waiting.responder.away = False
    waiting.responder.standing = standing
    clock.t = due_at(waiting)
    await waiting.retry()
    assert pb.Reason.Name(only_verdict(waiting).refused.reason) == f"REASON_CERTIFICATE_{standing.name}"
    assert waiting.parked == {}


async def test_the_pauses_grow_to_a_bound(waiting, clock):
    pauses = []
    for _ in range(10):
        clock.t = due_at(waiting)
        assert await waiting.retry() == 1
        pauses.append(due_at(waiting) - clock.t)
    minute = waiting.hour.minutes(1)
    assert pauses[0] <= 2 * FIRST_PAUSE_MINUTES * minute
    assert all(pause <= LONGEST_PAUSE_MINUTES * minute for pause in pauses)
    assert all(pause >= LONGEST_PAUSE_MINUTES / 2 * minute for pause in pauses[6:])
    # Progress is said once: the gateway's page changes once.
    assert len(waiting.delayed) == 1


async def test_until_the_verdict_is_due_it_waits_and_then_it_ends(waiting, clock):
    tries = 0
    while not waiting.verdicts:
        assert tries < 200
        clock.t = due_at(waiting)
        assert clock.t <= verdict_due(waiting.hour, waiting.epoch)
        await waiting.deployment.refresh()
        tries += await waiting.retry()
    assert clock.t == verdict_due(waiting.hour, waiting.epoch)
    refused = only_verdict(waiting).refused
    assert pb.Reason.Name(refused.reason) == "REASON_REVOCATION_UNAVAILABLE"
    assert phone.messages.open_notice(refused.notice, phone.NOTICE_KEY, phone.CHALLENGE_ID).reason == refused.reason
    assert waiting.parked == {}
    assert tries > 40


async def test_a_source_that_comes_back_at_the_last_moment_still_verifies(waiting, clock):
    clock.t = verdict_due(waiting.hour, waiting.epoch)
    await waiting.deployment.refresh()
    waiting.responder.away = False
    await waiting.retry()
    assert only_verdict(waiting).HasField("verified")


async def test_an_app_whose_certificate_ended_during_the_outage_is_still_believed(world, clock):
    authority, private = jpki.attestation_authority(), jpki.key("p256", "short-lived app")
    period = (NOW - timedelta(days=1), NOW + timedelta(minutes=1))
    certificate = root.build_app_instance(private.public_key(), authority.certificate, authority.key, period)
    world.responder.away = True
    assert await world.answer(instance=Credential(private, certificate)) is None
    clock.t = verdict_due(world.hour, world.epoch)
    await world.deployment.refresh()
    world.responder.away = False
    await world.retry()
    assert only_verdict(world).HasField("verified")


async def test_another_replica_takes_over_when_one_dies_at_it(waiting, clock):
    waiting.replicas.append(Replica(waiting, 1))
    waiting.responder.away = False
    clock.t = due_at(waiting)
    # The first replica takes the lease and is killed before it can do anything.
    assert len(await waiting.verifier.parked.claim(LIMIT)) == 1
    assert await waiting.retry(1) == 0
    clock.advance(LEASE_SECONDS)
    assert await waiting.retry(1) == 1
    assert only_verdict(waiting).HasField("verified")


async def test_two_replicas_never_try_one_check_at_a_time(waiting, clock):
    waiting.replicas.append(Replica(waiting, 1))
    clock.t = due_at(waiting)
    assert [await waiting.retry(0), await waiting.retry(1)] == [1, 0]


async def test_killed_between_verdict_and_deletion_it_says_the_same_again(waiting, clock):
    waiting.responder.away = False
    clock.t = due_at(waiting)
    (check,) = await waiting.verifier.parked.claim(LIMIT)
    verdict = await waiting.verifier.examination.verdict_on(check.login_id, check.epoch, check.answered)
    await waiting.verifier.bus.publish(bus_pb.EVENT_TYPE_VERIFICATION_COMPLETED, check.login_id, check.epoch, verdict)
    clock.advance(LEASE_SECONDS)
    await waiting.retry()
    outcomes = {event.message.WhichOneof("outcome") for event in waiting.verdicts}
    assert (len(waiting.verdicts), outcomes) == (2, {"verified"})
    assert waiting.parked == {}


async def test_the_same_fact_again_while_it_waits_changes_nothing(waiting):
    before = waiting.parked[LOGIN].box
    await waiting.answer(agreed=("name",))
    assert waiting.parked[LOGIN].box == before
    assert len(waiting.parked) == 1


async def test_while_the_database_is_away_the_fact_is_not_let_go(world):
    world.responder.away = True
    world.store.collection(COLLECTION).away = True
    fact = world.fact()
    await world.publish(fact)
    assert world.verifier.bus.in_flight == 1
    world.store.collection(COLLECTION).away = False
    await world.hub.settle()
    assert list(world.parked) == [LOGIN]
    assert len(world.delayed) == 1


async def test_retries_say_that_the_database_is_away(waiting):
    waiting.store.collection(COLLECTION).away = True
    with pytest.raises(Unavailable):
        await waiting.verifier.retries.once()


async def test_when_kafka_takes_nothing_the_check_stays_parked(waiting, clock):
    waiting.responder.away = False
    waiting.hub.away = True
    clock.t = due_at(waiting)
    assert await waiting.retry() == 1
    assert list(waiting.parked) == [LOGIN]
    waiting.hub.away = False
    clock.advance(LEASE_SECONDS)
    await waiting.retry()
    assert only_verdict(waiting).HasField("verified")


async def test_one_check_that_breaks_does_not_hold_up_the_others(waiting, clock):
    await waiting.answer(login_id=OTHER_LOGIN)
    waiting.responder.away = False
    broken = waiting.verifier.examination.verdict_on

    async def breaks_for_one(login_id, epoch, answered):
        if login_id == LOGIN:
            raise RuntimeError
        return await broken(login_id, epoch, answered)

    waiting.verifier.examination.verdict_on = breaks_for_one
    clock.advance(waiting.hour.minutes(LONGEST_PAUSE_MINUTES))
    assert await waiting.retry() == 2
    assert [event.login_id for event in waiting.verdicts] == [OTHER_LOGIN]
    assert list(waiting.parked) == [LOGIN]


async def test_a_document_that_nobody_can_read_is_left_to_its_deadline(waiting, clock):
    collection = waiting.store.collection(COLLECTION)
    for content in (b"", b"\x82", b"\xc1"):
        await collection.insert(content.rjust(16), waiting.epoch, T0 + 3000, "parked", content, due_at=T0)
    waiting.responder.away = False
    clock.t = due_at(waiting)
    await waiting.retry()
    assert len(waiting.verdicts) == 1


async def test_after_the_hour_nothing_is_left(waiting, clock):
    clock.advance(3600)
    await waiting.deployment.refresh()
    assert await waiting.retry() == 0
    assert await waiting.store.collection(COLLECTION).get(LOGIN) is None
    assert waiting.verdicts == []


@pytest.fixture
async def short(clock):
    """A login of an hour of 120 seconds, waiting."""
    hour = Hour(120)
    world = World(await FakeDeployment(hour, clock).start(), clock, hour)
    world.responder.away = True
    await world.answer()
    yield world
    for bus in world.hub.buses:
        await bus.stop()


async def test_a_short_hour_has_short_pauses(short, clock):
    assert due_at(short) - T0 <= short.hour.minutes(FIRST_PAUSE_MINUTES)
    while not short.verdicts:
        clock.t = due_at(short)
        await short.deployment.refresh()
        await short.retry()
    assert clock.t == verdict_due(short.hour, short.epoch) <= T0 + 100


async def test_a_short_hour_has_short_leases(short, clock):
    clock.t = due_at(short)
    assert len(await short.verifier.parked.claim(LIMIT)) == 1
    clock.advance(short.hour.minutes(1))
    assert len(await short.verifier.parked.claim(LIMIT)) == 1
