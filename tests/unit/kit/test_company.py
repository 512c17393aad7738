"""Facts in no hurry leave together."""

import asyncio

from kit.bus.company import Company


async def test_all_who_wait_leave_when_the_first_has_waited_long_enough() -> None:
    company = Company()
    left: list[int] = []

    async def one(n: int, patience: float) -> None:
        await company.wait(patience)
        left.append(n)

    async with asyncio.timeout(5):
        await asyncio.gather(one(1, 0.001), one(2, 3600), one(3, 3600))
    assert left == [1, 2, 3]


async def test_who_comes_later_begins_a_new_wait() -> None:
    company = Company()
    async with asyncio.timeout(5):
        await company.wait(0.001)
        await company.wait(0.001)


async def test_one_that_is_cancelled_takes_nobody_along() -> None:
    company = Company()
    goes, stays = asyncio.create_task(company.wait(0.01)), asyncio.create_task(company.wait(3600))
    await asyncio.sleep(0)
    goes.cancel()
    async with asyncio.timeout(5):
        await stays
    assert goes.cancelled()
