import asyncio
import hashlib

import pytest
from audit_purge.domain.receipt import GENESIS, Link
from audit_purge.purge import Purge, TopicsPurged
from kit.errors import Code, ShirushiError, Unavailable
from structlog.testing import capture_logs


class RememberedLedger:
    def __init__(self):
        self.receipts, self.published = [], set()
        self.away = False

    async def last(self):
        if self.away:
            raise Unavailable
        if not self.receipts:
            return GENESIS
        last = self.receipts[-1]
        return Link(last.sequence, hashlib.sha256(repr(last).encode()).digest())

    async def holds(self, chain_id, epoch):
        return any((receipt.chain_id, receipt.epoch) == (chain_id, epoch) for receipt in self.receipts)

    async def append(self, receipt):
        if any(kept.sequence == receipt.sequence for kept in self.receipts):
            raise ShirushiError(Code.CONFLICT, "taken")
        self.receipts.append(receipt)

    async def unpublished(self):
        return [receipt for receipt in self.receipts if receipt.sequence not in self.published]

    async def mark_published(self, receipt):
        self.published.add(receipt.sequence)


class Bookkeeping:
    """Records, topics, announcer and gauges in one: what the loops do outside is what it saw."""

    def __init__(self):
        self.records, self.announced, self.lags, self.deleted_before = {}, [], [], []
        self.loops = []
        self.away = False

    async def delete_epoch(self, epoch):
        return self.records.pop(epoch, 0)

    async def announce(self, receipt):
        if self.away:
            raise Unavailable
        self.announced.append(receipt.sequence)

    async def delete_before(self, moment):
        if self.away:
            raise Unavailable
        self.deleted_before.append(moment)
        return TopicsPurged(12.5, 3)

    def destroyed(self, lag_seconds):
        self.lags.append(lag_seconds)

    def receipted(self, records_deleted):
        self.told = records_deleted

    def topics(self, oldest_seconds, deleted):
        self.oldest = oldest_seconds

    def without_receipt(self, count):
        self.waiting = count

    def open_epochs(self, count):
        self.open = count


@pytest.fixture
def ledger():
    return RememberedLedger()


@pytest.fixture
def world():
    return Bookkeeping()


@pytest.fixture
def purge(keeper, hour, clock, ledger, world):
    return Purge(
        keeper=keeper,
        hour=hour,
        clock=clock,
        records=world,
        ledger=ledger,
        announcer=world,
        topics=world,
        gauges=world,
        progress=world.loops.append,
    )


async def test_every_destroyed_epoch_gets_one_receipt_in_order(purge, keeper, clock, ledger, world):
    world.records = {keeper.first_epoch: 4, keeper.first_epoch + 1: 23}
    clock.advance(3600 + 60)
    purge.destroy_keys()
    await purge.write_receipts()
    await purge.write_receipts()
    assert [(r.sequence, r.epoch - keeper.first_epoch, r.records_deleted) for r in ledger.receipts] == [
        (1, 0, 10),
        (2, 1, 20),
    ]
    assert ledger.receipts[1].previous == hashlib.sha256(repr(ledger.receipts[0]).encode()).digest()
    assert world.announced == [1, 2]
    assert keeper.unreceipted == ()


async def test_keys_are_destroyed_while_every_store_is_away(purge, keeper, clock, ledger, world):
    ledger.away = world.away = True
    epoch = keeper.first_epoch
    clock.advance(3600)
    purge.destroy_keys()
    assert keeper.open_epochs().start == epoch + 1
    with pytest.raises(Unavailable):
        await purge.write_receipts()
    ledger.away = world.away = False
    await purge.write_receipts()
    assert [receipt.epoch for receipt in ledger.receipts] == [epoch]


async def test_a_receipt_that_was_kept_but_not_announced_is_announced_later(purge, clock, ledger, world):
    world.away = True
    clock.advance(3600)
    purge.destroy_keys()
    with pytest.raises(Unavailable):
        await purge.write_receipts()
    assert len(ledger.receipts) == 1
    world.away = False
    await purge.write_receipts()
    assert world.announced == [1]


async def test_an_epoch_whose_receipt_was_written_before_a_kill_gets_no_second(purge, keeper, clock, ledger):
    clock.advance(3600)
    purge.destroy_keys()
    (destroyed,) = keeper.unreceipted
    await purge._write_receipt(destroyed)  # killed here: the keeper was not told
    await purge.write_receipts()
    assert len(ledger.receipts) == 1
    assert keeper.unreceipted == ()


async def test_the_oldest_age_on_the_topics_is_told_in_the_receipt(purge, clock, ledger, world):
    await purge.purge_topics()
    clock.advance(3600)
    purge.destroy_keys()
    await purge.write_receipts()
    assert ledger.receipts[0].oldest_topic_record_ms == 12_500
    assert world.oldest == 12.5


async def test_an_unreachable_kafka_makes_the_age_unknown(purge, clock, ledger, world):
    await purge.purge_topics()
    world.away = True
    with pytest.raises(Unavailable):
        await purge.purge_topics()
    world.away = False
    clock.advance(3600)
    purge.destroy_keys()
    await purge.write_receipts()
    assert ledger.receipts[0].oldest_topic_record_ms == -1


async def test_topics_are_purged_up_to_what_nobody_can_open(purge, clock, world):
    await purge.purge_topics()
    assert world.deleted_before == [clock.now() - 58 * 60]


def test_a_chain_that_ended_with_a_wrong_clock_is_told_once(purge, keeper, clock):
    first = keeper.chain_id
    with capture_logs() as logs:
        purge.destroy_keys()
        clock.advance(-3600)
        purge.destroy_keys()
        purge.destroy_keys()
    assert keeper.chain_id != first
    (line,) = [line for line in logs if line["event"] == "chain_begun_anew"]
    assert line["log_level"] == "warning"
    assert line["chain_id"] == keeper.chain_id.hex()


def test_the_lag_of_a_destruction_is_measured_from_its_deadline(purge, clock, world):
    clock.advance(59.5 * 60 + 0.25)
    purge.destroy_keys()
    assert world.lags == [pytest.approx(0.25)]
    assert world.open == 74


async def test_the_destroying_loop_says_that_it_is_alive(purge, world, monkeypatch):
    alive = asyncio.Event()
    monkeypatch.setattr(purge, "_progress", lambda name: (world.loops.append(name), alive.set()))
    loop = asyncio.create_task(purge.destroy_keys_forever())
    async with asyncio.timeout(5):
        await alive.wait()
    loop.cancel()
    assert world.loops == ["destroy-keys"]
