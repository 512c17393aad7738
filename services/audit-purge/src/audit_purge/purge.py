"""Runs the forgetting: destroys keys on time, deletes records and old facts, and writes a receipt for every epoch.

Destroying a key waits for nothing: it needs neither MongoDB nor Kafka. What comes after is bookkeeping and is repeated
until it is done, also over a restart.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from kit.clock import Clock
from kit.errors import ShirushiError
from kit.hour import Hour
from kit.log import get_logger

from audit_purge.domain.keeper import Destroyed, Keeper
from audit_purge.domain.receipt import AGE_UNKNOWN, Link, Receipt, receipt_for

# A fact of any login is unreadable at this age, since its epoch began before it was written; retention on the topics
# takes it sooner, this is the second net.
TOPIC_AGE_MINUTES = 58
# How long a loop sleeps at most: a clock that jumps is noticed within it.
LONGEST_SLEEP_SECONDS = 1.0

log = get_logger()


class Ledger(Protocol):
    """Where receipts are kept, each signed and chained to the one before."""

    async def last(self) -> Link:
        """Returns where the chain of receipts ends.

        Raises:
            ShirushiError: UNAVAILABLE when the store is away.
        """
        ...

    async def holds(self, chain_id: bytes, epoch: int) -> bool:
        """Says whether this epoch of this chain has a receipt already."""
        ...

    async def append(self, receipt: Receipt) -> None:
        """Signs and keeps a receipt.

        Raises:
            ShirushiError: CONFLICT when its number is taken, UNAVAILABLE when the store is away.
        """
        ...

    async def unpublished(self) -> list[Receipt]:
        """Returns the receipts that are not on the bus yet, oldest first."""
        ...

    async def mark_published(self, receipt: Receipt) -> None:
        """Notes that a receipt is on the bus."""
        ...


class OwnRecords(Protocol):
    """This service's records of logins."""

    async def delete_epoch(self, epoch: int) -> int:
        """Deletes the records of an epoch and of earlier ones; returns how many there were."""
        ...


class Announcer(Protocol):
    """Tells the world of a receipt."""

    async def announce(self, receipt: Receipt) -> None:
        """Publishes a receipt.

        Raises:
            ShirushiError: UNAVAILABLE when Kafka is away.
        """
        ...


@dataclass(frozen=True, slots=True)
class TopicsPurged:
    """What was found and done on the payload topics: age of the oldest record left, in seconds, and how many went."""

    oldest_seconds: float
    deleted: int


class Topics(Protocol):
    """The payload topics, of which this service may read sizes and ages and delete, but no record."""

    async def delete_before(self, moment: float) -> TopicsPurged:
        """Deletes what was written before a moment (Unix seconds) and measures what is left.

        Raises:
            ShirushiError: UNAVAILABLE when Kafka is away.
        """
        ...


class Gauges(Protocol):
    """What operators see of the forgetting."""

    def destroyed(self, lag_seconds: float) -> None:
        """An epoch's secret was destroyed so long after its deadline."""
        ...

    def without_receipt(self, count: int) -> None:
        """So many destroyed epochs have no receipt yet."""
        ...

    def receipted(self, records_deleted: int) -> None:
        """A receipt was written; so many own records went, rounded."""
        ...

    def topics(self, oldest_seconds: float, deleted: int) -> None:
        """The oldest fact on the payload topics is so old; so many were deleted."""
        ...

    def open_epochs(self, count: int) -> None:
        """So many epochs are open."""
        ...


class Purge:
    """The three loops of forgetting; each is run as a task that is restarted when it fails."""

    def __init__(
        self,
        *,
        keeper: Keeper,
        hour: Hour,
        clock: Clock,
        records: OwnRecords,
        ledger: Ledger,
        announcer: Announcer,
        topics: Topics,
        gauges: Gauges,
        progress: Callable[[str], None],
    ) -> None:
        self._keeper = keeper
        self._hour = hour
        self._clock = clock
        self._records = records
        self._ledger = ledger
        self._announcer = announcer
        self._topics = topics
        self._gauges = gauges
        self._progress = progress
        self._oldest_topic_record_ms = AGE_UNKNOWN
        self._chain_id = keeper.chain_id

    async def destroy_keys_forever(self) -> None:
        """Destroys each epoch's secret at its deadline."""
        while True:
            self.destroy_keys()
            self._progress("destroy-keys")
            await asyncio.sleep(min(max(self._keeper.seconds_to_deadline(), 0.01), LONGEST_SLEEP_SECONDS))

    async def write_receipts_forever(self) -> None:
        """Deletes own records and writes receipts as epochs are destroyed."""
        while True:
            await self.write_receipts()
            await asyncio.sleep(min(self._hour.epoch_seconds / 4, LONGEST_SLEEP_SECONDS))

    async def purge_topics_forever(self) -> None:
        """Deletes old facts and measures ages, every minute of the hour."""
        while True:
            await self.purge_topics()
            await asyncio.sleep(self._hour.minutes(1))

    def destroy_keys(self) -> None:
        """Destroys the secrets whose deadline has come."""
        for destroyed in self._keeper.destroy_due():
            self._gauges.destroyed(destroyed.destroyed_at - self._hour.key_deadline(destroyed.epoch))
            log.info("epoch_destroyed", epoch=destroyed.epoch)
        if self._keeper.chain_id != self._chain_id:
            self._chain_id = self._keeper.chain_id
            log.warning(
                "chain_begun_anew",
                reason="clock_set_back",
                chain_id=self._chain_id.hex(),
                first_epoch=self._keeper.first_epoch,
            )
        self._gauges.open_epochs(len(self._keeper.open_epochs()))
        self._gauges.without_receipt(len(self._keeper.unreceipted))

    async def write_receipts(self) -> None:
        """Deletes the records of every destroyed epoch, keeps its receipt and announces it.

        Killed at any point it is repeated: an epoch that has its receipt gets no second one, and a receipt that was
        kept but not announced is announced.

        Raises:
            ShirushiError: UNAVAILABLE; what was done stays done.
        """
        for destroyed in self._keeper.unreceipted:
            await self._write_receipt(destroyed)
            self._keeper.receipted(destroyed)
            self._gauges.without_receipt(len(self._keeper.unreceipted))
        for receipt in await self._ledger.unpublished():
            await self._announcer.announce(receipt)
            await self._ledger.mark_published(receipt)

    async def purge_topics(self) -> None:
        """Deletes facts older than 58 minutes of the hour; an unreachable Kafka makes the age unknown.

        Raises:
            ShirushiError: UNAVAILABLE.
        """
        try:
            purged = await self._topics.delete_before(self._clock.now() - self._hour.minutes(TOPIC_AGE_MINUTES))
        except ShirushiError:
            self._oldest_topic_record_ms = AGE_UNKNOWN
            raise
        self._oldest_topic_record_ms = round(purged.oldest_seconds * 1000)
        self._gauges.topics(purged.oldest_seconds, purged.deleted)

    async def _write_receipt(self, destroyed: Destroyed) -> None:
        deleted = await self._records.delete_epoch(destroyed.epoch)
        if await self._ledger.holds(destroyed.chain_id, destroyed.epoch):
            return
        receipt = receipt_for(
            destroyed,
            after=await self._ledger.last(),
            records_deleted=deleted,
            oldest_topic_record_ms=self._oldest_topic_record_ms,
        )
        await self._ledger.append(receipt)
        self._gauges.receipted(receipt.records_deleted)
        log.info("purge_receipt_written", sequence=receipt.sequence, epoch=receipt.epoch)
