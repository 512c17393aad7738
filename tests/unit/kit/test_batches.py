"""Writes that share a command: who goes with whom, and that each learns what became of its own."""

import asyncio
from collections.abc import Sequence

import pytest
from kit.store.batches import MOST_TOGETHER, Batches
from pymongo.errors import WaitQueueTimeoutError


class Database:
    """Takes batches of numbers; holds each until it is let go. Odd numbers above 100 are refused."""

    def __init__(self) -> None:
        self.batches: list[list[int]] = []
        self.open = asyncio.Event()
        self.fails: BaseException | None = None

    async def send(self, batch: Sequence[int]) -> list[Exception | None]:
        self.batches.append(list(batch))
        await self.open.wait()
        if self.fails is not None:
            raise self.fails
        return [ValueError(str(n)) if n > 100 and n % 2 else None for n in batch]


@pytest.fixture
def database() -> Database:
    return Database()


@pytest.fixture
def batches(database: Database) -> Batches[int]:
    return Batches(database.send)


async def turns(n: int = 5) -> None:
    for _ in range(n):
        await asyncio.sleep(0)


async def test_a_write_alone_leaves_at_once(database: Database, batches: Batches[int]) -> None:
    database.open.set()
    await batches.write(1)
    assert database.batches == [[1]]


async def test_what_comes_while_a_command_is_under_way_leaves_together(
    database: Database, batches: Batches[int]
) -> None:
    writes = [asyncio.create_task(batches.write(1))]
    await turns()
    for n in (2, 3, 4):
        writes.append(asyncio.create_task(batches.write(n)))
        await turns()
    assert database.batches == [[1]]
    database.open.set()
    await asyncio.gather(*writes)
    assert database.batches == [[1], [2, 3, 4]]


async def test_in_traffic_a_write_waits_a_moment_for_company(database: Database, batches: Batches[int]) -> None:
    database.open.set()
    await batches.write(1)
    writes = [asyncio.create_task(batches.write(2))]
    await turns()
    writes.append(asyncio.create_task(batches.write(3)))
    await asyncio.gather(*writes)
    assert database.batches == [[1], [2, 3]]


async def test_a_patient_write_goes_with_the_next_that_is_not(database: Database, batches: Batches[int]) -> None:
    database.open.set()
    patient = asyncio.create_task(batches.write(1, patience=3600))
    await turns()
    assert database.batches == []
    await batches.write(2)
    await patient
    assert database.batches == [[1, 2]]


async def test_patience_ends(database: Database, batches: Batches[int]) -> None:
    database.open.set()
    await asyncio.gather(batches.write(1, patience=0.001), batches.write(2, patience=3600))
    assert database.batches == [[1, 2]]


async def test_no_command_holds_more_than_the_bound(database: Database, batches: Batches[int]) -> None:
    database.open.set()
    await asyncio.gather(*(batches.write(n * 2, patience=3600) for n in range(MOST_TOGETHER * 2)))
    assert [len(batch) for batch in database.batches] == [MOST_TOGETHER, MOST_TOGETHER]


async def test_each_learns_its_own_outcome(database: Database, batches: Batches[int]) -> None:
    database.open.set()
    outcomes = await asyncio.gather(*(batches.write(n) for n in (100, 101, 102, 103)), return_exceptions=True)
    assert len(database.batches) == 1
    assert [type(outcome) for outcome in outcomes] == [type(None), ValueError, type(None), ValueError]


async def test_a_command_that_fails_fails_for_all_in_it_and_for_nobody_after(
    database: Database, batches: Batches[int]
) -> None:
    database.fails = OSError("away")
    database.open.set()
    outcomes = await asyncio.gather(batches.write(1), batches.write(2), return_exceptions=True)
    assert [type(outcome) for outcome in outcomes] == [OSError, OSError]
    database.fails = None
    await batches.write(3)


async def test_who_is_cancelled_takes_nobody_along(database: Database, batches: Batches[int]) -> None:
    goes, stays = asyncio.create_task(batches.write(1)), asyncio.create_task(batches.write(2))
    await turns()
    goes.cancel()
    await turns()
    database.open.set()
    await stays
    assert goes.cancelled()
    assert database.batches == [[1, 2]]


async def test_who_is_cancelled_before_the_command_is_left_out(database: Database, batches: Batches[int]) -> None:
    writes = [asyncio.create_task(batches.write(n)) for n in (1,)]
    await turns()
    goes, stays = asyncio.create_task(batches.write(2)), asyncio.create_task(batches.write(3))
    await turns()
    goes.cancel()
    await turns()
    database.open.set()
    await asyncio.gather(*writes, stays)
    assert database.batches == [[1], [3]]


async def test_who_waits_behind_a_command_that_hangs_hears_of_it(
    database: Database, batches: Batches[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("kit.store.batches.LONGEST_SECONDS", 0.01)
    hanging = asyncio.create_task(batches.write(1))
    with pytest.raises(WaitQueueTimeoutError):
        await batches.write(2)
    with pytest.raises(WaitQueueTimeoutError):
        await hanging
    database.open.set()
    monkeypatch.undo()
    await batches.write(3)
    assert database.batches[-1] == [3]
