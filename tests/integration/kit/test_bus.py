"""The bus on a real broker: nothing is lost, nothing blocks, and nobody gets in who may not."""

import asyncio
import contextlib
import os
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.errors import TopicAuthorizationFailedError
from kit.bus import Bus, Park
from kit.bus import consumer as consumer_module
from kit.clock import SystemClock
from kit.errors import Unavailable
from kit.events import EventRejected, OpenedEvent
from kit.management import Health
from kit.settings import ServiceSettings
from kit.telemetry import Telemetry
from kit.testing.fake_custody import FakeDeployment
from kit.tls import TlsFiles, client_context
from shirushi import rights
from shirushi.bus.v1 import envelope_pb2 as envelopes
from shirushi.gateway.v1.events_pb2 import LoginProgressed, LoginRequested

from tests.support.servers import RealServers

pytestmark = pytest.mark.real

REQUESTED = envelopes.EVENT_TYPE_LOGIN_REQUESTED
PROGRESSED = envelopes.EVENT_TYPE_LOGIN_PROGRESSED
TOPIC = rights.TOPICS[REQUESTED].name
PARTITIONS = 4


class Buses:
    """Buses of one test, each stopped at its end; handlers see only this test's logins."""

    def __init__(self, servers: RealServers, deployment: FakeDeployment) -> None:
        self.servers = servers
        self.deployment = deployment
        self.epoch = deployment.hour.epoch_of(deployment.clock.now())
        self._logins: set[bytes] = set()
        self._running: list[Bus] = []

    def login(self) -> bytes:
        login_id = os.urandom(16)
        self._logins.add(login_id)
        return login_id

    def expect(self, key: bytes) -> None:
        """Counts a key among this test's logins that is none."""
        self._logins.add(key)

    def make(self, service: str, instance: str = "0", telemetry: Telemetry | None = None, **settings: str) -> Bus:
        values = self.servers.settings(ServiceSettings, service, instance=instance, **settings)
        return Bus(values, self.deployment.codecs[service], telemetry or Telemetry(service), Health())

    def listening(
        self, handle: Callable[[OpenedEvent], Awaitable[None]], instance: str = "0", telemetry: Telemetry | None = None
    ) -> Bus:
        bus = self.make("audit-purge", instance, telemetry)

        async def only_ours(event: OpenedEvent) -> None:
            if event.login_id in self._logins:
                await handle(event)

        bus.subscribe(LoginRequested, only_ours)
        return bus

    async def start(self, bus: Bus) -> Bus:
        await bus.start()
        self._running.append(bus)
        return bus

    async def stop(self, bus: Bus) -> None:
        if bus in self._running:
            self._running.remove(bus)
            await bus.stop()

    async def stop_all(self) -> None:
        for bus in list(self._running):
            await self.stop(bus)

    def context(self, principal: str):
        values = self.servers.settings(ServiceSettings, principal)
        return client_context(TlsFiles.of(values))

    @contextlib.asynccontextmanager
    async def producer(self, principal: str) -> AsyncIterator[AIOKafkaProducer]:
        """A bare producer with a principal's certificate, as a thief of it would have."""
        producer = AIOKafkaProducer(
            bootstrap_servers=self.servers.kafka_bootstrap,
            security_protocol="SSL",
            ssl_context=self.context(principal),
            request_timeout_ms=5000,
        )
        await producer.start()
        try:
            yield producer
        finally:
            await producer.stop()

    async def dead_letters(self, topic: str, count: int) -> list[tuple[bytes, bytes, dict[str, bytes]]]:
        """What lies in a dead-letter topic of this test's logins; waits for so many."""
        consumer = AIOKafkaConsumer(
            bootstrap_servers=self.servers.kafka_bootstrap,
            security_protocol="SSL",
            ssl_context=self.context("admin"),
            auto_offset_reset="earliest",
            enable_auto_commit=False,
        )
        await consumer.start()
        found = []
        try:
            consumer.subscribe([topic + rights.DEAD_LETTER])
            async with asyncio.timeout(15):
                while len(found) < count:
                    batches = await consumer.getmany(timeout_ms=200)
                    found += [
                        (record.key, record.value, dict(record.headers))
                        for records in batches.values()
                        for record in records
                        if record.key in self._logins
                    ]
        finally:
            await consumer.stop()
        return found


@pytest.fixture
async def buses(real_servers: RealServers) -> AsyncIterator[Buses]:
    deployment = await FakeDeployment(clock=SystemClock()).start()
    made = Buses(real_servers, deployment)
    yield made
    await made.stop_all()


async def until(condition: Callable[[], bool], seconds: float = 20.0) -> None:
    async with asyncio.timeout(seconds):
        while not condition():
            await asyncio.sleep(0.01)


def message() -> LoginRequested:
    return LoginRequested(client_id="city", scopes=["openid"], requested_at_ms=1)


async def test_a_fact_arrives_opened_and_checked(buses: Buses) -> None:
    seen: list[OpenedEvent] = []

    async def handle(event: OpenedEvent) -> None:
        seen.append(event)

    await buses.start(buses.listening(handle))
    gateway = await buses.start(buses.make("gateway"))
    login_id = buses.login()
    await gateway.publish(REQUESTED, login_id, buses.epoch, message())
    await until(lambda: bool(seen))
    assert (seen[0].login_id, seen[0].sender, seen[0].message) == (login_id, "gateway", message())


async def test_events_of_one_login_are_handled_in_order_and_those_of_others_meanwhile(buses: Buses) -> None:
    order: list[tuple[bytes, int]] = []
    slow = buses.login()

    async def handle(event: OpenedEvent) -> None:
        if event.login_id == slow:
            await asyncio.sleep(0.1)
        order.append((event.login_id, event.message.requested_at_ms))

    await buses.start(buses.listening(handle))
    gateway = await buses.start(buses.make("gateway"))
    for n in range(5):
        await gateway.publish(REQUESTED, slow, buses.epoch, LoginRequested(client_id="c", requested_at_ms=n))
    others = [buses.login() for _ in range(8)]
    for other in others:
        await gateway.publish(REQUESTED, other, buses.epoch, message())
    await until(lambda: len(order) == 13)
    assert [n for login_id, n in order if login_id == slow] == [0, 1, 2, 3, 4]
    assert order.index((others[0], 1)) < order.index((slow, 4))


async def test_nothing_is_lost_when_a_consumer_dies_without_a_word_and_another_takes_over(buses: Buses) -> None:
    first: set[bytes] = set()
    second: set[bytes] = set()

    async def by_first(event: OpenedEvent) -> None:
        first.add(event.login_id)

    async def by_second(event: OpenedEvent) -> None:
        second.add(event.login_id)

    dying = await buses.start(buses.listening(by_first, "dies"))
    gateway = await buses.start(buses.make("gateway"))
    logins = [buses.login() for _ in range(60)]
    for login_id in logins[:30]:
        await gateway.publish(REQUESTED, login_id, buses.epoch, message())
    await until(lambda: len(first) == 30)
    await kill(dying)
    for login_id in logins[30:]:
        await gateway.publish(REQUESTED, login_id, buses.epoch, message())
    await buses.start(buses.listening(by_second, "takes-over"))
    # The dead one holds its partitions until its session of six seconds is over.
    await until(lambda: first | second >= set(logins), 25)


async def test_a_second_member_shares_the_work_and_nothing_is_lost_on_the_way(buses: Buses) -> None:
    handled: dict[bytes, set[str]] = {}

    def by(name: str) -> Callable[[OpenedEvent], Awaitable[None]]:
        async def handle(event: OpenedEvent) -> None:
            await asyncio.sleep(0.005)
            handled.setdefault(event.login_id, set()).add(name)

        return handle

    await buses.start(buses.listening(by("a"), "share-a"))
    gateway = await buses.start(buses.make("gateway"))
    logins = [buses.login() for _ in range(200)]

    async def publish_all() -> None:
        for login_id in logins:
            await gateway.publish(REQUESTED, login_id, buses.epoch, message())
            await asyncio.sleep(0.01)

    publishing = asyncio.create_task(publish_all())
    await until(lambda: len(handled) > 20)
    second = await buses.start(buses.listening(by("b"), "share-b"))
    await until(lambda: any("b" in names for names in handled.values()))
    await buses.stop(second)
    await publishing
    await until(lambda: handled.keys() >= set(logins), 25)


async def test_a_restarted_member_goes_on_where_it_had_committed(buses: Buses) -> None:
    seen: list[bytes] = []

    async def handle(event: OpenedEvent) -> None:
        seen.append(event.login_id)

    bus = await buses.start(buses.listening(handle))
    gateway = await buses.start(buses.make("gateway"))
    before, after = buses.login(), buses.login()
    await gateway.publish(REQUESTED, before, buses.epoch, message())
    await until(lambda: seen == [before])
    await buses.stop(bus)
    await gateway.publish(REQUESTED, after, buses.epoch, message())
    await buses.start(buses.listening(handle))
    await until(lambda: after in seen)
    assert seen == [before, after]


async def test_a_parked_event_holds_back_its_own_login_only_and_comes_again_after_a_restart(buses: Buses) -> None:
    parked, tries, done = buses.login(), [0], []
    open_now = False

    async def handle(event: OpenedEvent) -> None:
        if event.login_id == parked and not open_now:
            tries[0] += 1
            raise Park(0.05)
        done.append(event.login_id)

    bus = await buses.start(buses.listening(handle))
    gateway = await buses.start(buses.make("gateway"))
    await gateway.publish(REQUESTED, parked, buses.epoch, message())
    others = [buses.login() for _ in range(4 * PARTITIONS)]
    for login_id in others:
        await gateway.publish(REQUESTED, login_id, buses.epoch, message())
    await until(lambda: set(done) == set(others) and tries[0] > 3)
    await buses.stop(bus)
    open_now = True
    await buses.start(buses.listening(handle))
    await until(lambda: parked in done)


async def test_what_a_handler_cannot_reach_is_tried_again(buses: Buses) -> None:
    tries = []

    async def handle(event: OpenedEvent) -> None:
        tries.append(event.login_id)
        if len(tries) < 4:
            raise Unavailable

    await buses.start(buses.listening(handle))
    gateway = await buses.start(buses.make("gateway"))
    await gateway.publish(REQUESTED, buses.login(), buses.epoch, message())
    await until(lambda: len(tries) == 4)


async def test_bytes_that_are_no_event_are_put_aside_and_block_nobody(buses: Buses) -> None:
    seen: list[bytes] = []

    async def handle(event: OpenedEvent) -> None:
        seen.append(event.login_id)

    await buses.start(buses.listening(handle))
    gateway = await buses.start(buses.make("gateway"))
    rubbish = buses.login()
    async with buses.producer("gateway") as thief:
        for value in (b"123", b'{"json": true}', b"\xff\xff", b"", os.urandom(700_000)):
            await thief.send_and_wait(TOPIC, value, key=rubbish)
    after = buses.login()
    await gateway.publish(REQUESTED, after, buses.epoch, message())
    await until(lambda: seen == [after])
    letters = await buses.dead_letters(TOPIC, 5)
    assert {value for _, value, _ in letters} >= {b"123", b'{"json": true}', b"\xff\xff", b""}
    assert {headers["reason"] for _, _, headers in letters} <= {b"undecodable", b"unknown_version", b"too_large"}


async def test_a_record_that_is_nearly_all_key_is_put_aside_without_either(buses: Buses) -> None:
    seen: list[bytes] = []

    async def handle(event: OpenedEvent) -> None:
        seen.append(event.login_id)

    telemetry = Telemetry("audit-purge")
    await buses.start(buses.listening(handle, telemetry=telemetry))
    gateway = await buses.start(buses.make("gateway"))
    key = os.urandom(1024 * 1024 - 100)
    buses.expect(key[:64])
    async with buses.producer("gateway") as thief:
        await thief.send_and_wait(TOPIC, b"", key=key)
    [(short, value, headers)] = await buses.dead_letters(TOPIC, 1)
    assert (short, value, headers["reason"]) == (key[:64], b"", b"unknown_version")
    after = buses.login()
    await gateway.publish(REQUESTED, after, buses.epoch, message())
    await until(lambda: seen == [after])


async def test_whoever_can_write_but_not_sign_is_refused(buses: Buses) -> None:
    seen: list[OpenedEvent] = []

    async def handle(event: OpenedEvent) -> None:
        seen.append(event)

    await buses.start(buses.listening(handle))
    login_id = buses.login()
    # A whole deployment of the thief's own: sealed to the true receiver's key, signed with the thief's.
    forger = buses.deployment.codecs["gateway"]
    stranger = await FakeDeployment(clock=SystemClock()).start()
    forged = envelopes.Envelope.FromString(await forger.seal(REQUESTED, login_id, buses.epoch, message()))
    forged.signature = stranger.signing_keys["gateway"].sign(b"anything")
    async with buses.producer("gateway") as thief:
        await thief.send_and_wait(TOPIC, forged.SerializeToString(), key=login_id)
    [(_, _, headers)] = await buses.dead_letters(TOPIC, 1)
    assert headers["reason"] == b"wrong_signature"
    assert seen == []


async def test_an_event_that_was_moved_to_another_login_is_refused(buses: Buses) -> None:
    seen: list[OpenedEvent] = []

    async def handle(event: OpenedEvent) -> None:
        seen.append(event)

    await buses.start(buses.listening(handle))
    mine, theirs = buses.login(), buses.login()
    raw = await buses.deployment.codecs["gateway"].seal(REQUESTED, mine, buses.epoch, message())
    moved = envelopes.Envelope.FromString(raw)
    moved.login_id = theirs
    async with buses.producer("gateway") as thief:
        await thief.send_and_wait(TOPIC, moved.SerializeToString(), key=theirs)
        await thief.send_and_wait(TOPIC, raw, key=theirs)
    letters = await buses.dead_letters(TOPIC, 2)
    assert sorted(headers["reason"] for _, _, headers in letters) == [b"wrong_key", b"wrong_signature"]
    assert seen == []


async def test_an_event_that_the_handler_rejects_or_always_fails_at_is_put_aside(buses: Buses) -> None:
    rejected, failing = buses.login(), buses.login()
    tries = []

    async def handle(event: OpenedEvent) -> None:
        if event.login_id == rejected:
            raise EventRejected("says_nothing")
        tries.append(event.login_id)
        raise RuntimeError("a fault of ours")

    await buses.start(buses.listening(handle))
    gateway = await buses.start(buses.make("gateway"))
    for login_id in (rejected, failing):
        await gateway.publish(REQUESTED, login_id, buses.epoch, message())
    letters = await buses.dead_letters(TOPIC, 2)
    assert {(key, headers["reason"]) for key, _, headers in letters} == {
        (rejected, b"says_nothing"),
        (failing, b"handler_failed"),
    }
    assert len(tries) == 5


async def test_a_dead_letter_stays_sealed_as_it_was(buses: Buses) -> None:
    async def handle(event: OpenedEvent) -> None:
        raise EventRejected("says_nothing")

    await buses.start(buses.listening(handle))
    gateway = await buses.start(buses.make("gateway"))
    login_id = buses.login()
    await gateway.publish(REQUESTED, login_id, buses.epoch, LoginRequested(client_id="planted-client"))
    [(_, value, _)] = await buses.dead_letters(TOPIC, 1)
    assert b"planted-client" not in value
    assert buses.deployment.codecs["audit-purge"].open_(value, LoginRequested).login_id == login_id


async def test_after_a_gap_in_the_sequence_numbers_of_a_partition_publishing_goes_on(buses: Buses) -> None:
    seen: list[bytes] = []

    async def handle(event: OpenedEvent) -> None:
        seen.append(event.login_id)

    await buses.start(buses.listening(handle))
    gateway = await buses.start(buses.make("gateway"))
    gapped, other = buses.login(), buses.login()
    for login_id in (gapped, other):
        await gateway.publish(REQUESTED, login_id, buses.epoch, message())
    # What a batch leaves behind that expired while its partition had no leader.
    spent = gateway._producer._present
    for partition in range(PARTITIONS):
        spent._txn_manager.increment_sequence_number(TopicPartition(TOPIC, partition), 1)
    await asyncio.gather(*(gateway.publish(REQUESTED, each, buses.epoch, message()) for each in [gapped, other] * 8))
    assert gateway._producer._present is not spent
    await until(lambda: seen.count(gapped) >= 9 and seen.count(other) >= 9)
    await until(lambda: not gateway._producer._retiring)
    assert spent._closed


async def test_a_producer_whose_sending_has_ended_is_replaced(buses: Buses) -> None:
    gateway = await buses.start(buses.make("gateway"))
    await gateway.publish(REQUESTED, buses.login(), buses.epoch, message())
    sending = gateway._producer._present._sender.sender_task
    sending.cancel()
    await asyncio.wait([sending])
    async with asyncio.timeout(10):
        await gateway.publish(REQUESTED, buses.login(), buses.epoch, message())


async def test_a_broadcast_reaches_every_replica(buses: Buses) -> None:
    seen: dict[str, list[bytes]] = {"0": [], "1": []}

    def on(instance: str) -> Bus:
        bus = buses.make("gateway", instance)

        async def handle(event: OpenedEvent) -> None:
            seen[instance].append(event.login_id)

        bus.broadcast(LoginProgressed, handle)
        return bus

    first = await buses.start(on("0"))
    await buses.start(on("1"))
    login_id = buses.login()
    await first.publish(PROGRESSED, login_id, buses.epoch, LoginProgressed())
    await until(lambda: all(login_id in logins for logins in seen.values()))


async def test_the_broker_refuses_a_foreign_topic(buses: Buses) -> None:
    async with buses.producer("challenge") as producer:
        with pytest.raises(TopicAuthorizationFailedError):
            await producer.send_and_wait(TOPIC, b"x", key=b"k")


async def test_a_service_that_may_not_read_a_topic_does_not_start(buses: Buses) -> None:
    bus = buses.make("verifier")

    async def handle(event: OpenedEvent) -> None:
        raise AssertionError

    bus.subscribe(LoginRequested, handle)
    with pytest.raises(Unavailable) as caught:
        await bus.start()
    assert caught.value.reason in {"topics_missing", "kafka_refused"}


async def test_a_service_waits_for_a_broker_that_is_not_there(buses: Buses) -> None:
    bus = buses.make("gateway", kafka_bootstrap="localhost:1")
    with pytest.raises(Unavailable) as caught:
        await bus.start()
    assert caught.value.reason == "kafka_unavailable"


async def test_outcomes_are_counted(buses: Buses) -> None:
    async def handle(event: OpenedEvent) -> None:
        return None

    telemetry = Telemetry("audit-purge")
    await buses.start(buses.listening(handle, telemetry=telemetry))
    gateway = await buses.start(buses.make("gateway"))
    await gateway.publish(REQUESTED, buses.login(), buses.epoch, message())
    wanted = f'shirushi_bus_events_total{{outcome="handled",topic="{TOPIC}"}}'
    await until(lambda: wanted in telemetry.render().decode())


async def kill(bus: Bus) -> None:
    """End a bus as kill -9 does: no commit, no farewell; only its sockets close."""
    for reader in bus._readers:
        for task in reader._tasks:
            task.cancel()
        consumer = reader.consumer
        consumer._coordinator._coordination_task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await consumer._coordinator._coordination_task
        await consumer._client.close()


async def test_a_consumer_that_stands_still_is_started_anew(buses: Buses, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(consumer_module, "STUCK_CHECK_SECONDS", 0.3)
    seen: list[bytes] = []

    async def handle(event: OpenedEvent) -> None:
        seen.append(event.login_id)

    bus = await buses.start(buses.listening(handle))
    gateway = await buses.start(buses.make("gateway"))
    await gateway.publish(REQUESTED, buses.login(), buses.epoch, message())
    await until(lambda: len(seen) == 1)
    # As aio-libs/aiokafka#1154 describes it: connected, assigned, and nothing is fetched any more.
    fetching = bus._readers[0].consumer._fetcher._fetch_task
    fetching.cancel()
    await asyncio.wait([fetching])
    await gateway.publish(REQUESTED, buses.login(), buses.epoch, message())
    await until(lambda: len(seen) == 2)
