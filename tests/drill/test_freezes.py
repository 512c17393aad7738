"""A process that stands still for seconds and then goes on, as a paused machine or a full disk makes it."""

import asyncio
import os
import signal

import pytest
from sandbox.driver import run_logins

from tests.support.drilled import Drilled, drilled

pytestmark = [pytest.mark.real, pytest.mark.drill]

PEOPLE = 60
CONCURRENCY = 8
# Longer than a peer or the database is waited for; the last rows also longer than a relying party waits.
VICTIMS = [
    *((name, 7.0) for name in ("kafka", "mongod", "gateway-0", "challenge-0", "verifier-0", "pseudonym-0")),
    *((name, 7.0) for name in ("audit-purge-0", "jlis")),
    ("gateway-0", 11.0),
    ("mongod", 11.0),
]


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory):
    with drilled(tmp_path_factory.mktemp("freezes")) as running:
        yield running


@pytest.mark.parametrize(("victim", "seconds"), VICTIMS)
def test_everybody_logs_in_although_a_process_stands_still_for_a_while(sandbox: Drilled, victim: str, seconds: float):
    pid = sandbox.supervisor.pid(victim)
    assert pid is not None

    async def run() -> list:
        done: list = []

        async def freeze() -> None:
            while len(done) < PEOPLE // 4:
                await asyncio.sleep(0.02)
            os.kill(pid, signal.SIGSTOP)
            try:
                await asyncio.sleep(seconds)
            finally:
                os.kill(pid, signal.SIGCONT)

        freezing = asyncio.create_task(freeze())
        results = await run_logins(
            sandbox.addresses,
            card=None,
            people=PEOPLE,
            rp="city",
            count=PEOPLE,
            concurrency=CONCURRENCY,
            on_result=done.append,
        )
        await freezing
        return results

    results = asyncio.run(run())
    assert [(one.outcome, one.detail) for one in results if one.outcome != "completed"] == []
    assert len({result.sub for result in results}) == PEOPLE
