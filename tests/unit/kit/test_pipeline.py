"""From a record to an outcome, over the bus in memory."""

import asyncio
import os
from collections.abc import Callable

import pytest
from aiokafka.errors import MessageSizeTooLargeError
from kit.bus import Park, outcomes
from kit.bus.offsets import PartitionOffsets
from kit.bus.pipeline import Pipeline, Record
from kit.bus.subscription import Subscription
from kit.clock import FixedClock
from kit.custody import KeyGone
from kit.errors import Code, ShirushiError, Unavailable
from kit.events import EventRejected, OpenedEvent
from kit.testing.fake_bus import FakeBus, FakeHub
from kit.testing.fake_custody import FakeDeployment
from shirushi import rights
from shirushi.bus.v1 import envelope_pb2 as bus
from shirushi.gateway.v1.events_pb2 import LoginProgressed, LoginRequested
from structlog.testing import capture_logs

REQUESTED = bus.EVENT_TYPE_LOGIN_REQUESTED
PROGRESSED = bus.EVENT_TYPE_LOGIN_PROGRESSED
TOPIC = rights.TOPICS[REQUESTED].name


class World:
    def __init__(self, deployment: FakeDeployment) -> None:
        self.deployment = deployment
        self.hub = FakeHub()
        self.gateway = FakeBus(deployment.codecs["gateway"], self.hub)
        self.audit = FakeBus(deployment.codecs["audit-purge"], self.hub)
        self.epoch = deployment.hour.epoch_of(deployment.clock.now())

    async def publish(self, login_id: bytes = b"", n: int = 0) -> bytes:
        login_id = login_id or os.urandom(16)
        await self.gateway.publish(REQUESTED, login_id, self.epoch, LoginRequested(client_id="c", requested_at_ms=n))
        return login_id


@pytest.fixture
async def world(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(outcomes, "FIRST_RETRY_SECONDS", 0.001)
    made = World(await FakeDeployment(clock=FixedClock(1_800_000_000.0)).start())
    with capture_logs():
        yield made
    await made.audit.stop()
    await made.gateway.stop()


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(5):
        while not condition():
            await asyncio.sleep(0.001)


async def test_a_handled_event_is_counted(world: World) -> None:
    seen: list[OpenedEvent] = []

    async def handle(event: OpenedEvent) -> None:
        seen.append(event)

    world.audit.subscribe(LoginRequested, handle)
    login_id = await world.publish()
    await world.hub.settle()
    assert seen[0].login_id == login_id
    assert world.audit.outcomes == [(TOPIC, "handled")]


@pytest.mark.parametrize("error", [Park(0.001), Unavailable()])
async def test_what_cannot_be_handled_yet_is_tried_again(world: World, error: Exception) -> None:
    tries = []

    async def handle(event: OpenedEvent) -> None:
        tries.append(event)
        if len(tries) < 8:
            raise error

    world.audit.subscribe(LoginRequested, handle)
    await world.publish()
    await world.hub.settle()
    assert len(tries) == 8
    assert world.audit.outcomes == [(TOPIC, "handled")]


async def test_a_parked_event_ends_with_its_key(world: World) -> None:
    async def handle(event: OpenedEvent) -> None:
        raise Park(0.001)

    world.audit.subscribe(LoginRequested, handle)
    await world.publish()
    world.deployment.clock.t = world.deployment.hour.key_deadline(world.epoch)
    await world.hub.settle()
    assert world.audit.outcomes == [(TOPIC, "expired")]
    assert world.hub.dead_letters == []


async def test_a_handler_may_say_that_the_key_is_gone(world: World) -> None:
    async def handle(event: OpenedEvent) -> None:
        raise KeyGone

    world.audit.subscribe(LoginRequested, handle)
    await world.publish()
    await world.hub.settle()
    assert world.audit.outcomes == [(TOPIC, "expired")]


async def test_a_rejected_event_is_put_aside_at_once_and_a_failing_one_after_five_tries(world: World) -> None:
    tries = []

    async def handle(event: OpenedEvent) -> None:
        tries.append(event)
        if event.message.requested_at_ms:
            raise EventRejected("says_nothing")
        raise RuntimeError

    world.audit.subscribe(LoginRequested, handle)
    await world.publish(n=1)
    await world.hub.settle()
    assert len(tries) == 1
    await world.publish(n=0)
    await world.hub.settle()
    assert len(tries) == 6
    assert [reason for _, reason in world.hub.dead_letters] == ["says_nothing", "handler_failed"]


async def test_events_of_a_login_wait_for_the_one_before_and_others_do_not(world: World) -> None:
    order: list[tuple[bytes, int]] = []
    first = os.urandom(16)

    async def handle(event: OpenedEvent) -> None:
        if event.login_id == first and event.message.requested_at_ms == 0:
            await asyncio.sleep(0.05)
        order.append((event.login_id, event.message.requested_at_ms))

    world.audit.subscribe(LoginRequested, handle)
    for n in range(3):
        await world.publish(first, n)
    other = await world.publish()
    await world.hub.settle()
    assert order == [(other, 0), (first, 0), (first, 1), (first, 2)]


async def test_no_more_handlers_run_at_a_time_than_allowed(world: World) -> None:
    running, most = [0], [0]

    async def handle(event: OpenedEvent) -> None:
        running[0] += 1
        most[0] = max(most[0], running[0])
        await asyncio.sleep(0.001)
        running[0] -= 1

    world.audit.subscribe(LoginRequested, handle, concurrency=3)
    for _ in range(20):
        await world.publish()
    await world.hub.settle()
    assert most[0] == 3


async def test_an_event_under_another_key_is_put_aside(world: World) -> None:
    async def handle(event: OpenedEvent) -> None:
        raise AssertionError

    world.audit.subscribe(LoginRequested, handle)
    raw = await world.deployment.codecs["gateway"].seal(REQUESTED, os.urandom(16), world.epoch, LoginRequested())
    await world.hub.append(TOPIC, b"another", raw)
    await world.hub.settle()
    assert world.hub.dead_letters[0][1] == "wrong_key"


async def test_a_dead_letter_that_cannot_be_written_is_tried_again(world: World) -> None:
    tries = []

    async def dead_letter(record: Record, reason: str) -> None:
        tries.append(reason)
        if len(tries) < 3:
            raise Unavailable

    pipeline = Pipeline(
        codec=world.deployment.codecs["audit-purge"],
        subscriptions={TOPIC: Subscription(LoginRequested, lambda event: None)},
        dead_letter=dead_letter,
        count=lambda topic, outcome: None,
    )
    offsets = PartitionOffsets()
    pipeline.accept(Record(TOPIC, 0, 7, b"k", b"rubbish"), offsets)
    await until(lambda: offsets.position == 8)
    assert tries == ["undecodable"] * 3


@pytest.mark.parametrize(
    "error",
    [ShirushiError(Code.PERMISSION_DENIED, "Kafka refuses", "kafka_refused"), MessageSizeTooLargeError(), KeyError()],
)
async def test_a_dead_letter_that_is_refused_is_lost_in_the_end_and_does_not_hold_its_partition(
    world: World, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    monkeypatch.setattr(outcomes, "LONGEST_RETRY_SECONDS", 0.001)
    tries, counted = [], []

    async def dead_letter(record: Record, reason: str) -> None:
        tries.append(reason)
        raise Unavailable if len(tries) % 2 else error

    pipeline = Pipeline(
        codec=world.deployment.codecs["audit-purge"],
        subscriptions={TOPIC: Subscription(LoginRequested, lambda event: None)},
        dead_letter=dead_letter,
        count=lambda topic, outcome: counted.append((topic, outcome)),
    )
    offsets = PartitionOffsets()
    with capture_logs() as logs:
        pipeline.accept(Record(TOPIC, 0, 7, b"k", b"rubbish"), offsets)
        await until(lambda: offsets.position == 8)
    # That Kafka is away meanwhile is no refusal.
    assert len(tries) == 2 * outcomes.TRIES_BEFORE_LOST
    assert counted == [(TOPIC, "lost")]
    assert [line["log_level"] for line in logs if line["event"] == "event_lost"] == ["error"]
    await until(lambda: pipeline.in_flight == 0)


async def test_the_consumer_waits_while_too_much_is_under_way(world: World) -> None:
    go_on = asyncio.Event()

    async def handle(event: OpenedEvent) -> None:
        await go_on.wait()

    pipeline = Pipeline(
        codec=world.deployment.codecs["audit-purge"],
        subscriptions={TOPIC: Subscription(LoginRequested, handle)},
        dead_letter=None,
        count=lambda topic, outcome: None,
        max_in_flight=2,
    )
    offsets = PartitionOffsets()
    for n in range(2):
        login_id = os.urandom(16)
        raw = await world.deployment.codecs["gateway"].seal(REQUESTED, login_id, world.epoch, LoginRequested())
        pipeline.accept(Record(TOPIC, 0, n, login_id, raw), offsets)
    assert not await pipeline.room(0.01)
    go_on.set()
    assert await pipeline.room(1)


async def test_draining_waits_for_what_is_at_work_and_not_for_what_is_parked(world: World) -> None:
    ended = []

    async def handle(event: OpenedEvent) -> None:
        if event.message.requested_at_ms:
            raise Park(3600)
        await asyncio.sleep(0.05)
        ended.append(event.login_id)

    world.audit.subscribe(LoginRequested, handle)
    await world.publish(n=1)
    working = await world.publish(n=0)
    await asyncio.sleep(0.01)
    async with asyncio.timeout(1):
        await world.audit._pipeline.drain(10)
    assert ended == [working]
    assert world.audit.in_flight == 0


async def test_a_broadcast_reaches_every_replica_and_a_group_event_one(world: World) -> None:
    second = FakeBus(world.deployment.codecs["gateway"], world.hub)
    third = FakeBus(world.deployment.codecs["audit-purge"], world.hub)
    told, recorded = [], []

    async def tell(event: OpenedEvent) -> None:
        told.append(event)

    async def record(event: OpenedEvent) -> None:
        recorded.append(event)

    for replica in (world.gateway, second):
        replica.broadcast(LoginProgressed, tell)
    for replica in (world.audit, third):
        replica.subscribe(LoginRequested, record)
    await world.gateway.publish(PROGRESSED, os.urandom(16), world.epoch, LoginProgressed())
    await world.publish()
    await world.hub.settle()
    assert (len(told), len(recorded)) == (2, 1)
