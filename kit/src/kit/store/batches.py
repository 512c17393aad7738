"""Sends writes of one collection together: while one command is on its way, what comes meanwhile is collected.

A write alone costs the database four times and the client ten times as much as one among thirty-two, and a login has a
dozen. Without traffic a write leaves at once; under load the next command takes all that has come, and waits some
milliseconds for more. Only who says so (`patience`) waits longer for others to share a command with.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

from pymongo import InsertOne, UpdateOne
from pymongo.asynchronous.collection import AsyncCollection
from pymongo.errors import BulkWriteError, DuplicateKeyError, OperationFailure, WaitQueueTimeoutError

# A command of this many documents of 64 KiB stays far below MongoDB's bound on a message.
MOST_TOGETHER = 100
# Commands that follow each other as closely as this mean that there is traffic; the next waits a moment for company.
BUSY_SECONDS = 0.015
GATHER_SECONDS = 0.004
# A command and its one repetition end within ten seconds; who waits behind a hanging one hears of it before long.
LONGEST_SECONDS = 15.0
_DUPLICATE = 11000

W = TypeVar("W")
Fields = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Change:
    """A compare-and-set: `change` applies to the document that still has this revision. Its box is unique."""

    id: Any
    revision: int
    change: Fields = field(repr=False)

    @property
    def query(self) -> Fields:
        """What the document must be for the change to apply."""
        return {"_id": self.id, "rev": self.revision}

    @property
    def box(self) -> bytes:
        """The sealed content after the change."""
        # As plain bytes: the driver reads them as such, and its own type for writing equals no plain bytes.
        return bytes(self.change["$set"]["box"])


class Batches(Generic[W]):
    """A queue with at most one command under way.

    Args:
        send: carries out some writes and returns what became of each: None where it was done, else what to raise.
    """

    def __init__(self, send: Callable[[Sequence[W]], Awaitable[Sequence[Exception | None]]]) -> None:
        self._send = send
        self._waiting: list[tuple[W, asyncio.Future[None]]] = []
        self._sending: asyncio.Task[None] | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._sent_at = float("-inf")

    async def write(self, write: W, *, patience: float = 0.0) -> None:
        """Returns when the write was carried out; raises what became of it otherwise.

        Args:
            write: one document's.
            patience: how many seconds it may wait for others to go with. One that is cancelled may be done all the same.

        Raises:
            WaitQueueTimeoutError: the database hangs; whether the write was made is unknown.
        """
        loop = asyncio.get_running_loop()
        done: asyncio.Future[None] = loop.create_future()
        self._waiting.append((write, done))
        if patience <= 0 or len(self._waiting) >= MOST_TOGETHER:
            self._go()
        elif self._timer is None:
            self._timer = loop.call_later(patience, self._go)
        try:
            async with asyncio.timeout(patience + LONGEST_SECONDS):
                await done
        except TimeoutError:
            raise WaitQueueTimeoutError("the writes before this one do not end") from None

    def _go(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._sending is None:
            self._sending = asyncio.get_running_loop().create_task(self._send_all())

    async def _send_all(self) -> None:
        clock = asyncio.get_running_loop()
        try:
            while self._waiting:
                if clock.time() - self._sent_at < BUSY_SECONDS:
                    await asyncio.sleep(GATHER_SECONDS)
                self._sent_at = clock.time()
                # Who has stopped waiting has no use for the write, and those behind it do not wait for it.
                waiting = [entry for entry in self._waiting if not entry[1].done()]
                batch, self._waiting = waiting[:MOST_TOGETHER], waiting[MOST_TOGETHER:]
                if not batch:
                    break
                try:
                    outcomes = await self._send([write for write, _ in batch])
                except BaseException as error:
                    _fail(batch, error)
                    if not isinstance(error, Exception):
                        raise
                    continue
                for (_, done), outcome in zip(batch, outcomes, strict=True):
                    if done.done():
                        continue
                    if outcome is None:
                        done.set_result(None)
                    else:
                        done.set_exception(outcome)
        finally:
            self._sending = None


def _fail(batch: Sequence[tuple[Any, asyncio.Future[None]]], error: BaseException) -> None:
    for _, done in batch:
        if done.done():
            continue
        if isinstance(error, Exception):
            done.set_exception(error)
        else:
            done.cancel()


async def insert(collection: AsyncCollection[Fields], documents: Sequence[Fields]) -> Sequence[Exception | None]:
    """Inserts documents; the outcome of one whose id is taken is DuplicateKeyError. Raises PyMongoError."""
    if len(documents) == 1:
        try:
            await collection.insert_one(documents[0])
        except DuplicateKeyError as error:
            return [error]
        return [None]
    _, outcomes = await _bulk(collection, [InsertOne(document) for document in documents])
    return outcomes


async def change(
    collection: AsyncCollection[Fields], changes: Sequence[Change], lost: Callable[[], Exception]
) -> Sequence[Exception | None]:
    """Makes changes; the outcome of one that did not apply is `lost()`. Raises PyMongoError.

    A command says how many changes applied, not which: where some did not, the documents are looked at. That also finds
    a change that the driver repeated because its first answer was lost; the box is unique, so finding it means that it
    was made.
    """
    if len(changes) == 1:
        applied = (await collection.update_one(changes[0].query, changes[0].change)).matched_count
        outcomes: list[Exception | None] = [None]
    else:
        applied, outcomes = await _bulk(collection, [UpdateOne(one.query, one.change) for one in changes])
    if applied == len(changes):
        return outcomes
    boxes: dict[bytes, bytes] = {}
    async for found in collection.find({"_id": {"$in": [one.id for one in changes]}}, {"box": 1}):
        boxes[bytes(found["_id"])] = bytes(found["box"])
    return [
        None if boxes.get(bytes(one.id)) == one.box else outcome or lost()
        for one, outcome in zip(changes, outcomes, strict=True)
    ]


async def _bulk(
    collection: AsyncCollection[Fields], writes: Sequence[InsertOne[Fields] | UpdateOne]
) -> tuple[int, list[Exception | None]]:
    """Sends writes that do not wait for each other; returns how many documents matched, and what failed of each write."""
    outcomes: list[Exception | None] = [None] * len(writes)
    try:
        return (await collection.bulk_write(writes, ordered=False)).matched_count, outcomes
    except BulkWriteError as error:
        details = error.details or {}
        if details.get("writeConcernErrors") or not details.get("writeErrors"):
            # Nothing is known of any of them.
            raise
        for failed in details["writeErrors"]:
            kind = DuplicateKeyError if failed["code"] == _DUPLICATE else OperationFailure
            # Without the server's text, which may quote the document.
            outcomes[failed["index"]] = kind("the write failed", failed["code"])
        return int(details["nMatched"]), outcomes
