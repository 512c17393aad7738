"""From a record to an outcome: opened, handled in the order of its login, tried again, parked or put aside.

Records of different logins are handled at the same time; a parked one holds back its own login and the commit of its
partition, and nothing else. Its retries end with the epoch's key, so nothing waits for ever.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass

from kit.bus.offsets import PartitionOffsets
from kit.bus.outcomes import TRIES_BEFORE_DEAD_LETTER, Park, retry_pause
from kit.bus.subscription import Subscription
from kit.custody import KeyGone
from kit.errors import Unavailable
from kit.events import EventCodec, EventRejected
from kit.log import get_logger

MAX_IN_FLIGHT = 4096
_log = get_logger()


@dataclass(frozen=True, slots=True)
class Record:
    """A record as it came from the broker."""

    topic: str
    partition: int
    offset: int
    key: bytes
    value: bytes


class Pipeline:
    """Handles records for one consumer.

    Args:
        codec: opens envelopes.
        subscriptions: by topic name.
        dead_letter: puts a record aside for good, with the reason; raises Unavailable when it could not.
        count: told the topic and the outcome of each record.
        concurrency: how many handlers run at a time.
    """

    def __init__(
        self,
        *,
        codec: EventCodec,
        subscriptions: Mapping[str, Subscription],
        dead_letter: Callable[[Record, str], Awaitable[None]],
        count: Callable[[str, str], None],
        concurrency: int = 64,
    ) -> None:
        self._codec = codec
        self._subscriptions = subscriptions
        self._dead_letter = dead_letter
        self._count = count
        self._turns = asyncio.Semaphore(concurrency)
        self._room = asyncio.Semaphore(MAX_IN_FLIGHT)
        self._last: dict[tuple[str, bytes], asyncio.Task[None]] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def in_flight(self) -> int:
        """Returns how many records are being handled or parked."""
        return len(self._tasks)

    async def accept(self, record: Record, offsets: PartitionOffsets) -> None:
        """Starts handling a record; waits while too many are in flight, which holds back the consumer."""
        await self._room.acquire()
        offsets.received(record.offset)
        place = (record.topic, record.key)
        task = asyncio.create_task(self._in_order(record, offsets, self._last.get(place)))
        self._last[place] = task
        self._tasks.add(task)
        task.add_done_callback(lambda done: self._forget(place, done))

    async def drain(self, seconds: float) -> None:
        """Lets handlers finish for so long, then cancels what is left; it will be delivered again."""
        if self._tasks:
            await asyncio.wait(set(self._tasks), timeout=seconds)
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _forget(self, place: tuple[str, bytes], task: asyncio.Task[None]) -> None:
        self._room.release()
        self._tasks.discard(task)
        if self._last.get(place) is task:
            del self._last[place]

    async def _in_order(
        self, record: Record, offsets: PartitionOffsets, before: asyncio.Task[None] | None
    ) -> None:
        if before is not None:
            await asyncio.wait((before,))
        outcome = await self._until_done(record)
        self._count(record.topic, outcome)
        offsets.finished(record.offset)

    async def _until_done(self, record: Record) -> str:
        attempt = failures = 0
        while True:
            try:
                await self._once(record)
            except KeyGone:
                return "expired"
            except EventRejected as rejected:
                return await self._put_aside(record, rejected.reason)
            except Park as park:
                await asyncio.sleep(park.seconds)
            except Unavailable:
                await asyncio.sleep(retry_pause(attempt))
            except Exception as error:
                failures += 1
                _log.error("event_handler_failed", topic=record.topic, tries=failures, exc_info=error)
                if failures >= TRIES_BEFORE_DEAD_LETTER:
                    return await self._put_aside(record, "handler_failed")
                await asyncio.sleep(retry_pause(attempt))
            else:
                return "handled"
            attempt += 1

    async def _once(self, record: Record) -> None:
        subscription = self._subscriptions[record.topic]
        event = self._codec.open_(record.value, subscription.message_class)
        if record.key != event.login_id:
            raise EventRejected("wrong_key")
        async with self._turns:
            await subscription.handler(event)

    async def _put_aside(self, record: Record, reason: str) -> str:
        attempt = 0
        while True:
            try:
                await self._dead_letter(record, reason)
            except Unavailable:
                await asyncio.sleep(retry_pause(attempt))
                attempt += 1
            else:
                _log.warning("event_put_aside", topic=record.topic, reason=reason)
                return "dead_letter"
