"""The bus over FastStream and aiokafka, as a runtime part: one producer, one group consumer, one broadcast consumer."""

import asyncio
import contextlib
import logging
import time
from functools import partial
from typing import Any

from aiokafka import AIOKafkaProducer
from aiokafka.errors import (
    ClusterAuthorizationFailedError,
    GroupAuthorizationFailedError,
    KafkaError,
    MessageSizeTooLargeError,
    TopicAuthorizationFailedError,
)
from faststream import AckPolicy
from faststream.kafka import KafkaBroker
from faststream.kafka import TopicPartition as Assigned
from faststream.security import BaseSecurity
from google.protobuf.message import Message
from shirushi import rights

from kit.bus.company import Company
from kit.bus.consumer import Listener, Reader
from kit.bus.pipeline import Pipeline, Record
from kit.bus.producer import Producer
from kit.bus.subscription import CONCURRENCY, Handler, Subscription
from kit.bus.topics import partitions_of
from kit.errors import Code, ShirushiError, Unavailable
from kit.events import EventCodec
from kit.log import get_logger
from kit.management import Health
from kit.settings import ServiceSettings
from kit.telemetry import Telemetry
from kit.tls import FileWatch, TlsFiles, client_context, reload

SESSION_MILLISECONDS = 6_000
PUBLISH_SECONDS = 15.0
START_SECONDS = 15.0
CLOSE_SECONDS = 4.0
RENEWAL_CHECK_SECONDS = 30.0
METADATA_MILLISECONDS = 10_000
LONG_POLL_SECONDS = 0.5
# So much is worth an answer before `gather_seconds` are over.
GATHER_BYTES = 256 * 1024
# A login id has 16; what is longer is somebody's own.
MAX_LETTER_KEY_BYTES = 64
# A backlog is handled in order and nothing of it is older than an hour: time between polls says nothing about health.
MAX_POLL_MILLISECONDS = 2 * 3_600_000
_REFUSALS = (TopicAuthorizationFailedError, GroupAuthorizationFailedError, ClusterAuthorizationFailedError)
_log = get_logger()
# FastStream speaks of every start and warns of topics that it may not create; what matters is logged here.
_library_log = logging.getLogger("kit.bus.faststream")
_library_log.setLevel(logging.ERROR)


class Bus:
    """Publishes and handles facts for one service; `start` raises Unavailable while Kafka is not there, to be called again.

    Args:
        settings: broker address, identity and instance.
        codec: seals and opens; its service is principal and consumer group.
        telemetry: where events are counted.
        health: told of readiness and of the consumers' progress.
        gather_seconds: for a service for whose handling nobody waits: the broker holds records back so long and then
            answers one question with all of them, instead of one with each.
    """

    name = "bus"

    def __init__(
        self,
        settings: ServiceSettings,
        codec: EventCodec,
        telemetry: Telemetry,
        health: Health,
        *,
        gather_seconds: float = 0.0,
    ) -> None:
        self._service = codec.service
        self._instance = f"{codec.service}-{settings.instance}"
        self._bootstrap = settings.kafka_bootstrap.split(",")
        self._tls = TlsFiles.of(settings)
        self._context = client_context(self._tls) if settings.kafka_tls else None
        self._codec = codec
        self._health = health
        self._company = Company()
        self._gather_seconds = gather_seconds
        self._group: dict[str, Subscription] = {}
        self._everyone: dict[str, Subscription] = {}
        self._broker: KafkaBroker | None = None
        self._producer: Producer | None = None
        self._readers: list[Reader] = []
        self._renewal: asyncio.Task[None] | None = None
        self._handled = telemetry.counter("bus_events", "Events taken from the bus, by outcome.", ("topic", "outcome"))
        self._published = telemetry.counter("bus_published", "Facts that Kafka has acknowledged.", ("topic",))
        oldest = telemetry.gauge("bus_oldest_event_seconds", "Age of the oldest event under way; retention ends it.")
        oldest.set_function(self._oldest_age)
        self._counters: dict[tuple[str, ...], Any] = {}
        health.ready(self.name, ok=False, why="not started")

    def subscribe(self, message_class: type[Message], handler: Handler, *, concurrency: int = CONCURRENCY) -> None:
        """Handles an event type in the service's group; call before `start`.

        The handler's return means done. It may raise `Park` or Unavailable (tried again in place until the login's keys
        die), KeyGone (dropped), EventRejected (put aside); anything else is tried five times and then put aside. It sees
        any event any number of times.
        """
        subscription = Subscription(message_class, handler, concurrency)
        self._group[subscription.topic.name] = subscription

    def broadcast(self, message_class: type[Message], handler: Handler) -> None:
        """Handles an event type in every replica, from now on and without a group; call before `start`."""
        subscription = Subscription(message_class, handler)
        self._everyone[subscription.topic.name] = subscription

    async def publish(
        self, type_: int, login_id: bytes, epoch: int, message: Message, *, patience: float = 0.0
    ) -> None:
        """Seals a fact, publishes it and returns when Kafka has it.

        A fact for which nobody waits may wait up to `patience` seconds for others to share a request with.

        Raises:
            Unavailable: Kafka or the receiver's key cannot be had within the bound; the fact may be there nevertheless.
            KeyGone: the login's epoch is over.
            ShirushiError: PERMISSION_DENIED, the broker refuses this principal.
            PermissionError: the rights table does.
        """
        topic = rights.TOPICS[type_].name
        value = await self._codec.seal(type_, login_id, epoch, message)
        if patience > 0:
            await self._company.wait(patience)
        await self._send(topic, login_id, value)
        self._counted(self._published, topic)

    async def start(self) -> None:
        """Checks that the topics exist, then produces and consumes."""
        try:
            async with asyncio.timeout(START_SECONDS):
                await self._start()
        except BaseException as error:
            await self._close()
            if isinstance(error, _REFUSALS):
                raise Unavailable("Kafka refuses this principal", reason="kafka_refused") from error
            if isinstance(error, KafkaError | TimeoutError | OSError):
                raise Unavailable("Kafka does not answer", reason="kafka_unavailable") from error
            raise
        self._renewal = asyncio.create_task(self._follow_renewal(), name="bus-renewal")
        self._health.ready(self.name, ok=True)

    async def stop(self) -> None:
        """Takes no more records, lets handlers finish, commits, and closes."""
        self._health.ready(self.name, ok=False, why="stopped")
        for reader in self._readers:
            self._health.ended(f"{self.name}-{reader.name}")
        if self._renewal is not None:
            self._renewal.cancel()
        await asyncio.gather(*(reader.end() for reader in self._readers))
        await self._close()

    async def _start(self) -> None:
        handled = (*self._group, *self._everyone)
        topics = [topic.name for topic in rights.TOPICS.values() if topic.sender == self._service]
        topics += [*handled, *(topic + rights.DEAD_LETTER for topic in self._group)]
        partitions = await partitions_of(
            topics, bootstrap=self._bootstrap, context=self._context, client_id=f"{self._instance}-start"
        )
        # Before the readers: what is read first may be answered at once.
        self._producer = self._make_producer()
        await self._producer.start()
        broker = self._broker = self._make_broker()
        self._readers = []
        listener = Listener()
        if self._group:
            # One consumer for all topics: two with the same static identity would put each other out of the group.
            subscriber = broker.subscriber(
                *self._group,
                batch=True,
                group_id=self._service,
                group_instance_id=self._instance,
                auto_offset_reset="earliest",
                session_timeout_ms=SESSION_MILLISECONDS,
                heartbeat_interval_ms=SESSION_MILLISECONDS // 4,
                rebalance_timeout_ms=SESSION_MILLISECONDS,
                max_poll_interval_ms=MAX_POLL_MILLISECONDS,
                ack_policy=AckPolicy.MANUAL,
                listener=listener,
                fetch_min_bytes=GATHER_BYTES if self._gather_seconds else 1,
                fetch_max_wait_ms=int((self._gather_seconds or LONG_POLL_SECONDS) * 1000),
            )
            listener.reader = self._reader("group", subscriber, self._group, self._dead_letter)
        if self._everyone:
            subscriber = broker.subscriber(
                partitions=[Assigned(topic, n) for topic in self._everyone for n in partitions[topic]],
                batch=True,
                auto_offset_reset="latest",
                ack_policy=AckPolicy.MANUAL,
            )
            self._reader("everyone", subscriber, self._everyone, _forget)
        await broker.start()
        for reader in self._readers:
            await reader.begin()

    def _make_producer(self) -> Producer:
        # Not FastStream's: it cannot be replaced when it is spent, and its publishing costs more than aiokafka's own.
        return Producer(
            partial(
                AIOKafkaProducer,
                bootstrap_servers=self._bootstrap,
                security_protocol="SSL" if self._context else "PLAINTEXT",
                ssl_context=self._context,
                client_id=self._instance,
                acks="all",
                enable_idempotence=True,
                linger_ms=0,
                metadata_max_age_ms=METADATA_MILLISECONDS,
            )
        )

    def _make_broker(self) -> KafkaBroker:
        return KafkaBroker(
            self._bootstrap,
            security=BaseSecurity(ssl_context=self._context) if self._context else None,
            client_id=self._instance,
            consumer_only=True,
            metadata_max_age_ms=METADATA_MILLISECONDS,
            allow_auto_create_topics=False,
            apply_types=False,
            logger=_library_log,
            log_level=logging.DEBUG,
            graceful_timeout=1.0,
        )

    def _reader(self, name: str, subscriber: Any, subscriptions: dict[str, Subscription], dead_letter: Any) -> Reader:
        pipeline = Pipeline(
            codec=self._codec,
            subscriptions=subscriptions,
            dead_letter=dead_letter,
            count=lambda topic, outcome: self._counted(self._handled, topic, outcome),
        )
        reader = Reader(
            name=name,
            subscriber=subscriber,
            pipeline=pipeline,
            group=name == "group",
            progressed=lambda: self._health.progress(f"{self.name}-{name}"),
        )
        self._readers.append(reader)
        return reader

    async def _dead_letter(self, record: Record, reason: str) -> None:
        topic = record.topic + rights.DEAD_LETTER
        headers = [("reason", reason.encode())]
        try:
            await self._send(topic, record.key, record.value, headers)
        except MessageSizeTooLargeError:
            # It filled the limit without the header that says why, and its key alone may do so.
            await self._send(topic, record.key[:MAX_LETTER_KEY_BYTES], b"", headers)

    async def _send(self, topic: str, key: bytes, value: bytes, headers: list[tuple[str, bytes]] | None = None) -> None:
        if self._producer is None:
            raise Unavailable("the bus has not started", reason="kafka_unavailable")
        try:
            async with asyncio.timeout(PUBLISH_SECONDS):
                await self._producer.send(topic, key, value, headers)
        except MessageSizeTooLargeError:
            raise
        except _REFUSALS as error:
            raise ShirushiError(Code.PERMISSION_DENIED, "Kafka refuses this principal", "kafka_refused") from error
        except (KafkaError, TimeoutError, OSError) as error:
            raise Unavailable("Kafka does not answer", reason="kafka_unavailable") from error

    def _counted(self, counter: Any, *labels: str) -> None:
        child = self._counters.get(labels)
        if child is None:
            child = self._counters[labels] = counter.labels(*labels)
        child.inc()

    def _oldest_age(self) -> float:
        oldest = min((at for reader in self._readers if (at := reader.oldest) is not None), default=None)
        return 0.0 if oldest is None else max(0.0, time.time() - oldest)

    async def _follow_renewal(self) -> None:
        if self._context is None:
            return
        watch = FileWatch(self._tls.certificate, self._tls.key)
        while True:
            await asyncio.sleep(RENEWAL_CHECK_SECONDS)
            if watch.changed() and not reload(self._context, self._tls.certificate, self._tls.key):
                watch.again()

    async def _close(self) -> None:
        broker, self._broker = self._broker, None
        producer, self._producer = self._producer, None
        readers, self._readers = self._readers, []
        # One that had begun before the start failed would go on under the same identity as the next.
        await asyncio.gather(*(reader.abandon() for reader in readers))
        await asyncio.gather(*(_stop(part) for part in (broker, producer) if part is not None))


async def _stop(part: KafkaBroker | Producer) -> None:
    with contextlib.suppress(KafkaError, OSError, TimeoutError):
        async with asyncio.timeout(CLOSE_SECONDS):
            await part.stop()


async def _forget(record: Record, reason: str) -> None:
    """What every replica refuses is not put aside by each of them."""
    _log.warning("event_refused", topic=record.topic, reason=reason)
