"""From a record to an outcome: opened, handled in the order of its login, tried again, parked or put aside.

Records of different logins are handled at the same time; a parked one holds back its own login and the commit of its
partition, and nothing else. Its retries end with the epoch's key, so nothing waits for ever. While it waits its content
stays sealed: it is opened anew at every try.
"""

import asyncio
import random
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass

from kit.bus.offsets import PartitionOffsets
from kit.bus.outcomes import TRIES_BEFORE_DEAD_LETTER, TRIES_BEFORE_LOST, Park, retry_pause
from kit.bus.subscription import Subscription
from kit.custody import KeyGone
from kit.errors import Unavailable
from kit.events import EventCodec, EventRejected
from kit.log import get_logger

# Records in memory at a time, parked ones among them; beyond that the consumer waits and Kafka keeps the rest.
MAX_IN_FLIGHT = 2048
_log = get_logger()


@dataclass(frozen=True, slots=True)
class Record:
    """A record as it came from the broker; `written_at` is the broker's time in Unix seconds."""

    topic: str
    partition: int
    offset: int
    key: bytes
    value: bytes
    written_at: float = 0.0


class _Work:
    """A record under way."""

    __slots__ = ("record", "task", "waiting")

    def __init__(self, record: Record) -> None:
        self.record = record
        self.waiting = False
        self.task: asyncio.Task[None]


class Pipeline:
    """Handles records for one consumer.

    Args:
        codec: opens envelopes.
        subscriptions: by topic name.
        dead_letter: puts a record aside for good, with the reason; raises Unavailable while it cannot, and whatever else
            where it may not.
        count: told the topic and the outcome of each record.
        max_in_flight: how many records are held at a time.
    """

    def __init__(
        self,
        *,
        codec: EventCodec,
        subscriptions: Mapping[str, Subscription],
        dead_letter: Callable[[Record, str], Awaitable[None]],
        count: Callable[[str, str], None],
        max_in_flight: int = MAX_IN_FLIGHT,
    ) -> None:
        self._codec = codec
        self._subscriptions = subscriptions
        self._dead_letter = dead_letter
        self._count = count
        self._turns: dict[str, asyncio.Semaphore] = {}
        self._max_in_flight = max_in_flight
        self._room = asyncio.Event()
        self._room.set()
        self._last: dict[tuple[str, bytes], _Work] = {}
        self._under_way: dict[asyncio.Task[None], _Work] = {}

    @property
    def in_flight(self) -> int:
        """How many records are being handled or parked."""
        return len(self._under_way)

    @property
    def at_work(self) -> int:
        """How many of them do not wait for something that is away."""
        return sum(1 for work in self._under_way.values() if not work.waiting)

    async def room(self, seconds: float) -> bool:
        """Waits so long for room for more records; false when there is none yet."""
        if self._room.is_set():
            return True
        try:
            async with asyncio.timeout(seconds):
                await self._room.wait()
        except TimeoutError:
            return False
        return True

    def accept(self, record: Record, offsets: PartitionOffsets) -> None:
        """Starts handling a record."""
        offsets.received(record.offset, record.written_at)
        place = (record.topic, record.key)
        work = _Work(record)
        work.task = asyncio.get_running_loop().create_task(self._in_order(work, offsets, self._last.get(place)))
        self._last[place] = work
        self._under_way[work.task] = work
        work.task.add_done_callback(self._forget)
        if len(self._under_way) >= self._max_in_flight:
            self._room.clear()

    async def drain(self, seconds: float) -> None:
        """Lets what is at work finish for so long, then cancels all that is left; it will be delivered again."""
        deadline = asyncio.get_running_loop().time() + seconds
        while (busy := [task for task, work in self._under_way.items() if not work.waiting]) and (
            left := deadline - asyncio.get_running_loop().time()
        ) > 0:
            # Those at work may come to wait themselves, so they are looked at again before long.
            await asyncio.wait(busy, timeout=min(left, 0.05))
        rest = list(self._under_way)
        for task in rest:
            task.cancel()
        await asyncio.gather(*rest, return_exceptions=True)

    def _forget(self, task: asyncio.Task[None]) -> None:
        work = self._under_way.pop(task)
        place = (work.record.topic, work.record.key)
        if self._last.get(place) is work:
            del self._last[place]
        if len(self._under_way) < self._max_in_flight:
            self._room.set()
        if not task.cancelled() and (error := task.exception()) is not None:
            # Only a fault of the pipeline itself comes here; the record stays uncommitted.
            _log.error("event_pipeline_failed", topic=work.record.topic, exc_info=error)

    async def _in_order(self, work: _Work, offsets: PartitionOffsets, before: _Work | None) -> None:
        record = work.record
        if before is not None:
            work.waiting = True
            await asyncio.wait((before.task,))
            work.waiting = False
        outcome = await self._until_done(work, self._subscriptions[record.topic])
        self._count(record.topic, outcome)
        offsets.finished(record.offset)

    async def _until_done(self, work: _Work, subscription: Subscription) -> str:
        record = work.record
        attempt = failures = 0
        while True:
            try:
                await self._once(record, subscription)
            except KeyGone:
                return "expired"
            except EventRejected as rejected:
                return await self._put_aside(work, rejected.reason)
            except Park as park:
                pause = park.seconds * random.uniform(0.8, 1.2)  # noqa: S311 - spreads load, protects nothing
            except Unavailable:
                pause = retry_pause(attempt)
            except Exception as error:  # noqa: BLE001 - whatever it is, the loop goes on
                failures += 1
                _log.error("event_handler_failed", topic=record.topic, tries=failures, exc_info=error)
                if failures >= TRIES_BEFORE_DEAD_LETTER:
                    return await self._put_aside(work, "handler_failed")
                pause = retry_pause(attempt)
            else:
                return "handled"
            attempt += 1
            await _wait(work, pause)

    async def _once(self, record: Record, subscription: Subscription) -> None:
        turns = self._turns.get(record.topic)
        if turns is None:
            turns = self._turns[record.topic] = asyncio.Semaphore(subscription.concurrency)
        async with turns:
            event = self._codec.open_(record.value, subscription.message_class)
            if record.key != event.login_id:
                # Under another key it would be handled beside its login's other events instead of after them.
                raise EventRejected("wrong_key")
            await subscription.handler(event)

    async def _put_aside(self, work: _Work, reason: str) -> str:
        topic = work.record.topic
        attempt = failures = 0
        while True:
            try:
                await self._dead_letter(work.record, reason)
            except Unavailable:
                pass
            except Exception as error:  # noqa: BLE001 - one letter that nobody takes must not hold its partition for ever
                failures += 1
                _log.warning("event_not_put_aside", topic=topic, reason=reason, error=type(error).__name__)
                if failures >= TRIES_BEFORE_LOST:
                    _log.error("event_lost", topic=topic, reason=reason, exc_info=error)
                    return "lost"
            else:
                _log.warning("event_put_aside", topic=topic, reason=reason)
                return "dead_letter"
            await _wait(work, retry_pause(attempt))
            attempt += 1


async def _wait(work: _Work, seconds: float) -> None:
    work.waiting = True
    await asyncio.sleep(seconds)
    work.waiting = False
