"""A producer that can write no more is replaced, once for everybody, and what it was to write is written again."""

import asyncio
from collections.abc import Iterator

import pytest
from aiokafka.errors import (
    InvalidProducerIdMapping,
    KafkaConnectionError,
    KafkaError,
    NotLeaderForPartitionError,
    OutOfOrderSequenceNumber,
    ProducerClosed,
    ProducerFenced,
    UnknownProducerId,
)
from kit.bus.producer import Producer
from structlog.testing import capture_logs


class Sending:
    """The part of aiokafka's sender that is looked at."""

    def __init__(self) -> None:
        self.sender_task: asyncio.Future[None] = asyncio.get_running_loop().create_future()


class One:
    """A stand-in for one AIOKafkaProducer; fails with `error`, or cannot start."""

    def __init__(self, error: KafkaError | None = None, *, starts: bool = True) -> None:
        self.error = error
        self.starts = starts
        self.written: list[tuple[str, bytes | None, bytes]] = []
        self.stopped = False
        self._sender = Sending()

    async def start(self) -> None:
        await asyncio.sleep(0)
        if not self.starts:
            raise KafkaConnectionError

    async def send_and_wait(self, topic: str, value: bytes, *, key: bytes | None, headers: object) -> None:
        await asyncio.sleep(0)
        if self.error is not None:
            raise self.error
        self.written.append((topic, key, value))

    async def stop(self) -> None:
        self.stopped = True


@pytest.fixture(autouse=True)
def _quiet() -> Iterator[None]:
    with capture_logs():
        yield


async def started(*ones: One) -> Producer:
    """A producer that goes through these, in their order; being asked for one more is a failure."""
    left = iter(ones)
    producer = Producer(lambda: next(left))
    await producer.start()
    return producer


SPENT = [OutOfOrderSequenceNumber, UnknownProducerId, ProducerFenced, InvalidProducerIdMapping]


@pytest.mark.parametrize("error", SPENT)
async def test_a_spent_producer_is_replaced_and_the_record_written(error: type[KafkaError]) -> None:
    spent, fresh = One(error()), One()
    producer = await started(spent, fresh)
    await producer.send("t", b"k", b"v")
    assert fresh.written == [("t", b"k", b"v")]
    await asyncio.sleep(0)
    assert spent.stopped


async def test_however_many_find_it_spent_one_takes_its_place() -> None:
    spent, fresh = One(OutOfOrderSequenceNumber()), One()
    producer = await started(spent, fresh)
    await asyncio.gather(*(producer.send("t", b"k", b"%d" % n) for n in range(50)))
    assert len(fresh.written) == 50


async def test_who_still_wrote_through_the_closed_one_writes_through_its_successor() -> None:
    spent, fresh = One(OutOfOrderSequenceNumber()), One()
    producer = await started(spent, fresh)
    late = asyncio.create_task(producer.send("t", b"k", b"late"))
    await asyncio.sleep(0)
    spent.error = ProducerClosed()
    await producer.send("t", b"k", b"v")
    await late
    assert len(fresh.written) == 2


async def test_what_goes_away_by_itself_replaces_nothing() -> None:
    producer = await started(One(NotLeaderForPartitionError()))
    with pytest.raises(NotLeaderForPartitionError):
        await producer.send("t", b"k", b"v")


async def test_a_producer_whose_sender_has_died_is_replaced() -> None:
    # A fault in the sender is told to those who wait as a bare KafkaError.
    dead, fresh = One(KafkaError("Unexpected error during batch delivery")), One()
    producer = await started(dead, fresh)
    dead._sender.sender_task.set_exception(KafkaError())
    await producer.send("t", b"k", b"v")
    assert len(fresh.written) == 1
    assert dead._sender.sender_task.exception() is not None


async def test_while_none_can_be_made_a_record_is_not_written_and_the_next_tries_again() -> None:
    spent, away, fresh = One(OutOfOrderSequenceNumber()), One(starts=False), One()
    producer = await started(spent, away, fresh)
    with pytest.raises(KafkaError):
        await producer.send("t", b"k", b"v")
    assert away.stopped
    assert not spent.stopped
    await producer.send("t", b"k", b"v")
    assert len(fresh.written) == 1


async def test_a_caller_that_gives_up_takes_the_new_producer_from_nobody() -> None:
    spent, fresh = One(OutOfOrderSequenceNumber()), One()
    producer = await started(spent, fresh)
    goes, stays = (asyncio.create_task(producer.send("t", b"k", b"v")) for _ in range(2))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    goes.cancel()
    await stays
    assert len(fresh.written) == 1


async def test_a_stopped_producer_makes_no_new_one() -> None:
    only = One()
    producer = await started(only)
    await producer.stop()
    assert only.stopped
    with pytest.raises(ProducerClosed):
        await producer.send("t", b"k", b"v")
