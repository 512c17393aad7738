"""The bus over FastStream and aiokafka, as a runtime part: one producer, one group consumer, one broadcast consumer.

FastStream's own acknowledgement policies lose messages or re-deliver in a hot loop, so acknowledgement is manual: offsets
are committed explicitly by a timer, on revocation and at stop.
"""

import asyncio
import contextlib
import logging
import ssl
from collections.abc import Sequence
from typing import Any, Protocol

from aiokafka import AIOKafkaConsumer, ConsumerRebalanceListener, ConsumerRecord, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import IllegalStateError, KafkaError
from faststream import AckPolicy
from faststream.kafka import KafkaBroker
from faststream.kafka import TopicPartition as Assigned
from faststream.security import BaseSecurity
from google.protobuf.message import Message
from shirushi import rights

from kit.bus.offsets import PartitionOffsets
from kit.bus.pipeline import Pipeline, Record
from kit.bus.subscription import Handler, Subscription
from kit.errors import Unavailable
from kit.events import EventCodec
from kit.log import get_logger

COMMIT_SECONDS = 0.2
SESSION_MILLISECONDS = 6_000
PUBLISH_SECONDS = 15.0
START_SECONDS = 15.0
STUCK_CHECK_SECONDS = 10.0
STUCK_CHECKS = 3
_log = get_logger()
# FastStream speaks of every message at INFO; what matters is logged by the pipeline.
_library_log = logging.getLogger("faststream")
_library_log.setLevel(logging.ERROR)


class Counts(Protocol):
    """Where the numbers of handled and published events go."""

    def handled(self, topic: str, outcome: str) -> None:
        """Counts a handled record."""
        ...

    def published(self, topic: str) -> None:
        """Counts a published fact."""
        ...

    def progressed(self) -> None:
        """Notes that the consumer is alive."""
        ...


class NoCounts:
    """Counts nothing."""

    def handled(self, topic: str, outcome: str) -> None:
        """See `Counts`."""

    def published(self, topic: str) -> None:
        """See `Counts`."""

    def progressed(self) -> None:
        """See `Counts`."""


class Bus:
    """Publishes and handles facts for one service.

    Args:
        service: principal and consumer group.
        instance: the same after a restart, so that the group sees no change (static membership).
        bootstrap: brokers, comma-separated.
        context: client TLS with the service's certificate; None for plain TCP (tests).
        codec: seals and opens.
        counts: where numbers go.
    """

    name = "bus"

    def __init__(
        self,
        *,
        service: str,
        instance: str,
        bootstrap: str,
        context: ssl.SSLContext | None,
        codec: EventCodec,
        counts: Counts | None = None,
    ) -> None:
        self._service = service
        self._instance = instance
        self._bootstrap = bootstrap.split(",")
        self._context = context
        self._codec = codec
        self._counts = counts or NoCounts()
        self._subscriptions: dict[str, Subscription] = {}
        self._broadcasts: dict[str, Subscription] = {}
        self._broker: KafkaBroker | None = None
        self._consumer: AIOKafkaConsumer | None = None
        self._pipeline: Pipeline | None = None
        self._broadcast_pipeline: Pipeline | None = None
        self._offsets: dict[TopicPartition, PartitionOffsets] = {}
        self._loops: list[asyncio.Task[None]] = []
        self._closing = False

    def subscribe(self, message_class: type[Message], handler: Handler) -> None:
        """Handles an event type in the service's group; call before `start`."""
        subscription = Subscription(message_class, handler)
        self._subscriptions[subscription.topic.name] = subscription

    def broadcast(self, message_class: type[Message], handler: Handler) -> None:
        """Handles an event type in every replica, from now on; call before `start`."""
        subscription = Subscription(message_class, handler)
        self._broadcasts[subscription.topic.name] = subscription

    async def publish(self, type_: int, login_id: bytes, epoch: int, message: Message) -> None:
        """Publishes a fact and returns when Kafka has it.

        Raises:
            Unavailable: Kafka or the receiver's key cannot be had within the bound.
            KeyGone: the login's epoch is over.
        """
        topic = rights.TOPICS[type_]
        value = await self._codec.seal(type_, login_id, epoch, message)
        await self._send(topic.name, login_id, value)
        self._counts.published(topic.name)

    async def start(self) -> None:
        """Checks that the topics exist, then produces and consumes; raises Unavailable while Kafka is not there."""
        self._closing = False
        try:
            async with asyncio.timeout(START_SECONDS):
                await self._start()
        except (KafkaError, TimeoutError, OSError) as error:
            await self._close()
            raise Unavailable("Kafka does not answer", reason="kafka_unavailable") from error
        except Unavailable:
            await self._close()
            raise
        self._loops = [asyncio.create_task(self._commit_forever(), name="bus-commit")]
        if self._subscriptions:
            self._loops.append(asyncio.create_task(self._watch_forever(), name="bus-watch"))

    async def stop(self) -> None:
        """Takes no more records, lets handlers finish, commits, and closes."""
        self._closing = True
        for loop in self._loops:
            loop.cancel()
        await asyncio.gather(*self._loops, return_exceptions=True)
        for pipeline in (self._pipeline, self._broadcast_pipeline):
            if pipeline is not None:
                await pipeline.drain(3.0)
        await self._commit()
        await self._close()

    async def _start(self) -> None:
        partitions = await self._partitions_of((*self._subscriptions, *self._broadcasts))
        self._broker = KafkaBroker(
            self._bootstrap,
            security=BaseSecurity(ssl_context=self._context) if self._context else None,
            client_id=f"{self._service}-{self._instance}",
            acks="all",
            enable_idempotence=True,
            linger_ms=0,
            metadata_max_age_ms=10_000,
            allow_auto_create_topics=False,
            apply_types=False,
            logger=_library_log,
            graceful_timeout=1.0,
        )
        group: Any = None
        if self._subscriptions:
            self._pipeline = self._make_pipeline(self._subscriptions)
            group = self._broker.subscriber(
                *self._subscriptions,
                batch=True,
                group_id=self._service,
                group_instance_id=f"{self._service}-{self._instance}",
                auto_offset_reset="earliest",
                session_timeout_ms=SESSION_MILLISECONDS,
                heartbeat_interval_ms=1_500,
                ack_policy=AckPolicy.MANUAL,
                listener=_Listener(self),
                decoder=_raw_records,
            )
            group(self._take_batch)
        if self._broadcasts:
            self._broadcast_pipeline = self._make_pipeline(self._broadcasts)
            everyone = self._broker.subscriber(
                partitions=[Assigned(topic, n) for topic in self._broadcasts for n in partitions[topic]],
                batch=True,
                auto_offset_reset="latest",
                ack_policy=AckPolicy.MANUAL,
                decoder=_raw_records,
            )
            everyone(self._take_broadcast)
        await self._broker.start()
        self._consumer = group.consumer if group is not None else None

    def _make_pipeline(self, subscriptions: dict[str, Subscription]) -> Pipeline:
        return Pipeline(
            codec=self._codec,
            subscriptions=subscriptions,
            dead_letter=self._dead_letter,
            count=self._counts.handled,
        )

    async def _partitions_of(self, topics: Sequence[str]) -> dict[str, list[int]]:
        # Subscribing to a topic that does not exist says nothing and waits; so it is asked for first.
        admin = AIOKafkaAdminClient(
            bootstrap_servers=self._bootstrap,
            security_protocol="SSL" if self._context else "PLAINTEXT",
            ssl_context=self._context,
            client_id=f"{self._service}-{self._instance}-start",
        )
        try:
            await admin.start()
            described = await admin.describe_topics(list(topics)) if topics else []
        finally:
            await admin.close()
        found = {entry["topic"]: sorted(p["partition"] for p in entry["partitions"]) for entry in described}
        missing = sorted(topic for topic in topics if not found.get(topic))
        if missing:
            _log.warning("topics_missing", topics=missing)
            raise Unavailable("topics are missing", reason="topics_missing")
        return found

    async def _take_batch(self, records: Sequence[ConsumerRecord]) -> None:
        if self._closing or self._pipeline is None:
            # Whatever is not taken is not committed either, and comes again after the restart.
            return
        for record in records:
            place = TopicPartition(record.topic, record.partition)
            offsets = self._offsets.setdefault(place, PartitionOffsets())
            await self._pipeline.accept(_record(record), offsets)

    async def _take_broadcast(self, records: Sequence[ConsumerRecord]) -> None:
        if self._closing or self._broadcast_pipeline is None:
            return
        for record in records:
            await self._broadcast_pipeline.accept(_record(record), PartitionOffsets())

    async def _dead_letter(self, record: Record, reason: str) -> None:
        await self._send(record.topic + rights.DEAD_LETTER, record.key, record.value, {"reason": reason})

    async def _send(self, topic: str, key: bytes, value: bytes, headers: dict[str, str] | None = None) -> None:
        if self._broker is None:
            raise Unavailable("the bus has not started", reason="kafka_unavailable")
        try:
            async with asyncio.timeout(PUBLISH_SECONDS):
                await self._broker.publish(value, topic, key=key, headers=headers)
        except (KafkaError, TimeoutError, OSError) as error:
            raise Unavailable("Kafka does not answer", reason="kafka_unavailable") from error

    async def _commit_forever(self) -> None:
        while True:
            await asyncio.sleep(COMMIT_SECONDS)
            await self._commit()

    async def _commit(self) -> None:
        due = {place: at for place, held in self._offsets.items() if (at := held.to_commit()) is not None}
        if not due or self._consumer is None:
            return
        try:
            await self._consumer.commit(due)
        except (KafkaError, IllegalStateError) as error:
            # The partition may have moved on; whoever holds it now handles the rest again.
            _log.warning("commit_failed", error=type(error).__name__)
            return
        for place, at in due.items():
            if place in self._offsets:
                self._offsets[place].committed(at)

    async def revoked(self, places: Sequence[TopicPartition]) -> None:
        """Commits what is done before partitions go to another member."""
        await self._commit()
        for place in places:
            self._offsets.pop(place, None)

    async def _watch_forever(self) -> None:
        """Restarts the consumer when records wait and none come, which aiokafka does not notice by itself."""
        unchanged = 0
        last: dict[TopicPartition, int] = {}
        while True:
            await asyncio.sleep(STUCK_CHECK_SECONDS)
            if self._consumer is None:
                continue
            try:
                places = list(self._consumer.assignment())
                ends = await self._consumer.end_offsets(places)
                now = {place: await self._consumer.position(place) for place in places}
            except (KafkaError, IllegalStateError):
                continue
            waiting = any(now[place] < ends[place] and now[place] == last.get(place) for place in places)
            full = self._pipeline is not None and self._pipeline.in_flight > 0
            unchanged = unchanged + 1 if waiting and not full else 0
            last = now
            if unchanged < STUCK_CHECKS:
                self._counts.progressed()
            else:
                _log.error("consumer_stuck")

    async def _close(self) -> None:
        if self._broker is not None:
            with contextlib.suppress(KafkaError, IllegalStateError, OSError, TimeoutError):
                async with asyncio.timeout(5):
                    await self._broker.stop()
        self._broker = None
        self._consumer = None


class _Listener(ConsumerRebalanceListener):  # type: ignore[misc]
    """Commits before partitions are taken away."""

    def __init__(self, bus: Bus) -> None:
        self._bus = bus

    async def on_partitions_revoked(self, revoked: Sequence[TopicPartition]) -> None:
        await self._bus.revoked(list(revoked))

    async def on_partitions_assigned(self, assigned: Sequence[TopicPartition]) -> None:
        del assigned


async def _raw_records(message: Any) -> Any:
    # Without this FastStream would try to read the bytes as JSON.
    return message.raw_message


def _record(record: ConsumerRecord) -> Record:
    return Record(record.topic, record.partition, record.offset, record.key or b"", record.value or b"")
