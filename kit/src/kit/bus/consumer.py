"""Reads records of one FastStream subscriber and gives them to a pipeline; starts the subscriber anew when it is stuck.

FastStream makes the consumer and keeps its lifecycle; its per-message call stack is left out, because it costs half as
much again as the fetch, and its acknowledgement policies lose messages or re-deliver in a hot loop.
"""

import asyncio
import contextlib
from collections.abc import Callable
from typing import Any

from aiokafka import AIOKafkaConsumer, ConsumerRebalanceListener, ConsumerRecord, TopicPartition
from aiokafka.errors import ConsumerStoppedError, CorruptRecordException, KafkaError, UnsupportedCodecError

from kit.bus.offsets import PartitionOffsets
from kit.bus.pipeline import Pipeline, Record
from kit.log import get_logger

POLL_SECONDS = 1.0
MAX_POLL_RECORDS = 512
# After records came the next look waits so long: what comes meanwhile is fetched at once, for half the CPU.
GATHER_SECONDS = 0.006
# What every replica is told only wakes browsers that wait at another one.
GATHER_ALL_SECONDS = 0.016
# Handlers do not mind an event twice, and each commit is a replicated write: at 0.2 s the broker had more of them than
# events.
COMMIT_SECONDS = 1.0
COMMIT_BOUND_SECONDS = 2.0
# A handler at work may end before its partition goes to another member; what waits for something that is away may not.
REVOKE_SECONDS = 1.0
DRAIN_SECONDS = 3.0
PAUSE_AFTER_ERROR_SECONDS = 1.0
ERRORS_BEFORE_RESTART = 5
STUCK_CHECK_SECONDS = 5.0
STUCK_CHECKS = 3
_log = get_logger()


class Reader:
    """One consumer and its pipeline.

    Args:
        name: for the log.
        subscriber: FastStream's subscriber, without a handler; `start` and `stop` make and close its consumer.
        pipeline: where records go.
        group: whether offsets are kept in a group; without one there is nothing to commit and it reads from the end.
        progressed: called whenever the loop has gone round.
    """

    def __init__(
        self, *, name: str, subscriber: Any, pipeline: Pipeline, group: bool, progressed: Callable[[], None]
    ) -> None:
        self._name = name
        self._subscriber = subscriber
        self._pipeline = pipeline
        self._group = group
        self._progressed = progressed
        self._offsets: dict[TopicPartition, PartitionOffsets] = {}
        self._restart = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []

    @property
    def name(self) -> str:
        """For the log."""
        return self._name

    @property
    def consumer(self) -> AIOKafkaConsumer:
        """The consumer of the subscriber's present life."""
        return self._subscriber.consumer

    @property
    def oldest(self) -> float | None:
        """When the oldest record that still needs handling was written (Unix seconds)."""
        return min((at for held in self._offsets.values() if (at := held.oldest) is not None), default=None)

    async def begin(self) -> None:
        """Starts reading; the subscriber has been started."""
        if not self._group:
            # Fixed now: resolved at the first fetch, "the end" would skip what was published since the start.
            await self.consumer.seek_to_end()
        self._tasks = [asyncio.create_task(self._live(), name=f"bus-{self._name}")]

    async def end(self) -> None:
        """Takes no more records, lets handlers finish, and commits."""
        await self.abandon()
        await self._pipeline.drain(DRAIN_SECONDS)
        await self.commit()

    async def abandon(self) -> None:
        """Stops reading without a word to the broker, which is away or was never reached."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def commit(self) -> None:
        """Tells the broker what is handled; it is told again later where that fails."""
        consumer = self.consumer
        if consumer is None or not self._group:
            return
        due = {place: at for place, held in self._offsets.items() if (at := held.to_commit()) is not None}
        if not due:
            return
        held = dict(self._offsets)
        try:
            # The client asks for a coordinator for ever; a stop must not.
            async with asyncio.timeout(COMMIT_BOUND_SECONDS):
                await consumer.commit(due)
        except (KafkaError, TimeoutError) as error:
            # The partition may have moved on; whoever holds it now handles the rest again.
            _log.warning("commit_failed", reader=self._name, error=type(error).__name__)
            return
        for place, at in due.items():
            held[place].committed(at)

    async def revoked(self) -> None:
        """Ends the work on all partitions: even those that come back are read again from what was committed."""
        await self._pipeline.drain(REVOKE_SECONDS)
        await self.commit()
        self._offsets = {}

    def assigned(self, places: set[TopicPartition]) -> None:
        """Begins with what the group has given to this member."""
        self._offsets = {place: PartitionOffsets() for place in places}

    async def _live(self) -> None:
        while True:
            self._restart.clear()
            loops = [asyncio.create_task(loop()) for loop in (self._read, self._commit_forever, self._watch)]
            try:
                await self._restart.wait()
            finally:
                for loop in loops:
                    loop.cancel()
                await asyncio.gather(*loops, return_exceptions=True)
            _log.warning("consumer_restarting", reader=self._name)
            await self._pipeline.drain(REVOKE_SECONDS)
            await self.commit()
            self._offsets = {}
            await self._restart_subscriber()

    async def _restart_subscriber(self) -> None:
        with contextlib.suppress(Exception):
            async with asyncio.timeout(5):
                await self._subscriber.stop()
        while True:
            try:
                async with asyncio.timeout(15):
                    await self._subscriber.start()
                    if not self._group:
                        await self.consumer.seek_to_end()
            except (KafkaError, OSError, TimeoutError) as error:
                _log.warning("consumer_waiting", reader=self._name, error=type(error).__name__)
                with contextlib.suppress(Exception):
                    await self._subscriber.stop()
                self._progressed()
                await asyncio.sleep(PAUSE_AFTER_ERROR_SECONDS)
            else:
                return

    async def _read(self) -> None:
        errors = 0
        while True:
            self._progressed()
            if not await self._pipeline.room(POLL_SECONDS):
                continue
            try:
                batches = await self.consumer.getmany(timeout_ms=int(POLL_SECONDS * 1000), max_records=MAX_POLL_RECORDS)
            except (UnsupportedCodecError, CorruptRecordException):
                await self._skip_unreadable()
            except ConsumerStoppedError:
                self._restart.set()
                return
            except KafkaError as error:
                errors += 1
                _log.warning("fetch_failed", reader=self._name, error=type(error).__name__)
                if errors >= ERRORS_BEFORE_RESTART:
                    self._restart.set()
                    return
                await asyncio.sleep(PAUSE_AFTER_ERROR_SECONDS)
            except Exception as error:  # noqa: BLE001 - whatever it is, the loop goes on
                _log.error("fetch_failed", reader=self._name, exc_info=error)
                self._restart.set()
                return
            else:
                errors = 0
                if batches:
                    self._take(batches)
                    await asyncio.sleep(GATHER_SECONDS if self._group else GATHER_ALL_SECONDS)

    def _take(self, batches: dict[TopicPartition, list[ConsumerRecord]]) -> None:
        for place, records in batches.items():
            offsets = self._offsets.get(place)
            if offsets is None:
                if self._group:
                    # Fetched for an assignment that is over; whoever holds it now reads it too.
                    continue
                offsets = self._offsets[place] = PartitionOffsets()
            for record in records:
                self._pipeline.accept(_record(record), offsets)

    async def _skip_unreadable(self) -> None:
        """Steps over a batch that this client cannot unpack, so that it does not hold its partition for ever."""
        for place in self.consumer.assignment():
            try:
                batches = await self.consumer.getmany(place, timeout_ms=0, max_records=MAX_POLL_RECORDS)
            except (UnsupportedCodecError, CorruptRecordException):
                position = await self.consumer.position(place)
                _log.warning("record_unreadable", topic=place.topic, partition=place.partition, offset=position)
                self.consumer.seek(place, position + 1)
            else:
                self._take(batches)

    async def _commit_forever(self) -> None:
        while True:
            await asyncio.sleep(COMMIT_SECONDS)
            await self.commit()

    async def _watch(self) -> None:
        """Asks for a restart when records wait and none come, which aiokafka does not notice by itself."""
        unchanged = 0
        last: dict[TopicPartition, int] = {}
        while True:
            await asyncio.sleep(STUCK_CHECK_SECONDS)
            consumer = self.consumer
            try:
                async with asyncio.timeout(STUCK_CHECK_SECONDS):
                    places = list(consumer.assignment())
                    ends = await consumer.end_offsets(places)
                    now = {place: await consumer.position(place) for place in places}
            except (KafkaError, TimeoutError):
                # The broker is away, or a rebalance is under way: nothing can be said.
                continue
            stands = any(now[place] < ends[place] and now[place] == last.get(place) for place in places)
            unchanged = unchanged + 1 if stands and self._pipeline.in_flight == 0 else 0
            last = now
            if unchanged >= STUCK_CHECKS:
                _log.error("consumer_stuck", reader=self._name)
                self._restart.set()
                return


class Listener(ConsumerRebalanceListener):  # type: ignore[misc]
    """Ends work and commits before partitions are taken away."""

    def __init__(self) -> None:
        self.reader: Reader | None = None

    async def on_partitions_revoked(self, revoked: set[TopicPartition]) -> None:
        """See aiokafka; called with all partitions at each rebalance (eager protocol)."""
        if self.reader is not None and revoked:
            await self.reader.revoked()

    async def on_partitions_assigned(self, assigned: set[TopicPartition]) -> None:
        """See aiokafka."""
        if self.reader is not None:
            self.reader.assigned(set(assigned))


def _record(record: ConsumerRecord) -> Record:
    return Record(
        record.topic,
        record.partition,
        record.offset,
        record.key or b"",
        record.value or b"",
        (record.timestamp or 0) / 1000,
    )
