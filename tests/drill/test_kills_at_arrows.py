"""kill -9 of each service at every arrow of a login, then a restart: what got its 202 completes, once.

One row is one arrow of DESIGN §3.5 to §3.8. The instance runs with one point at which it kills itself; it is restarted
as it ships, and the login that was under way goes on.
"""

import asyncio
import json
import time
from pathlib import Path

import pytest
from sandbox.driver import connected
from sandbox.phone.client import ApiError
from sandbox.process import ProcessDied

from sandbox import cards
from tests.support.drilled import Drilled, drilled

pytestmark = [pytest.mark.real, pytest.mark.drill]

GO_ON_SECONDS = 15.0

ARROWS = [
    # §3.5: challenge stores, publishes, confirms.
    ("challenge-0", "before-replace:answering"),
    ("challenge-0", "after-replace:answering"),
    ("challenge-0", "after-publish:CHALLENGE_ANSWERED"),
    ("challenge-0", "after-replace:answered"),
    # §3.6: the verifier reads, publishes, commits.
    ("verifier-0", "after-open:CHALLENGE_ANSWERED"),
    ("verifier-0", "before-publish:VERIFICATION_COMPLETED"),
    ("verifier-0", "after-publish:VERIFICATION_COMPLETED"),
    # §3.7: the gateway takes the verdict, stores it, tells its replicas, collects through pseudonym.
    ("gateway-0", "after-open:VERIFICATION_COMPLETED"),
    ("gateway-0", "before-replace:verified"),
    ("gateway-0", "after-replace:verified"),
    ("gateway-0", "after-publish:LOGIN_PROGRESSED"),
    ("pseudonym-0", "before-insert:first_sectors"),
    ("pseudonym-0", "after-insert:first_sectors"),
    ("gateway-0", "before-replace:collected"),
    ("gateway-0", "after-replace:collected"),
    # §3.8: the code is spent and answered, the conclusion published and recorded.
    ("gateway-0", "before-replace:redeemed"),
    ("gateway-0", "after-replace:redeemed"),
    ("gateway-0", "before-publish:LOGIN_CONCLUDED"),
    ("gateway-0", "after-publish:LOGIN_CONCLUDED"),
    ("audit-purge-0", "after-open:LOGIN_REQUESTED"),
    ("audit-purge-0", "after-open:LOGIN_CONCLUDED"),
]


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory):
    with drilled(tmp_path_factory.mktemp("arrows")) as running:
        yield running


@pytest.mark.parametrize(("victim", "point"), ARROWS, ids=[f"{name} {point}" for name, point in ARROWS])
def test_a_login_survives_a_kill(sandbox: Drilled, victim: str, point: str, tmp_path: Path):
    marker = tmp_path / "died"
    sandbox.crash_at(victim, point, marker)
    try:
        asyncio.run(sandbox.supervisor.ready(victim))
    except ProcessDied:
        # A fact that was still on its way from the row before has brought it to the point already.
        assert marker.exists()

    async def run() -> tuple[list, float]:
        loop = asyncio.get_running_loop()

        async def revive() -> float:
            await sandbox.died(victim)
            assert marker.exists()
            # Started in the main thread: the kernel ends children together with the thread that started them.
            sandbox.heal(victim)
            await sandbox.supervisor.ready(victim)
            return loop.time()

        async with connected(sandbox.addresses) as driver:
            chips = list(cards.people(Path(sandbox.addresses["state"]), driver.authority, 1))
            reviving = asyncio.create_task(revive())
            result = await log_in_patiently(driver, chips[0])
            ended = loop.time()
            revived = await reviving
            return [result], ended - revived

    results, after_restart = asyncio.run(run())
    assert [result.outcome for result in results] == ["completed"], results[0].detail
    assert after_restart <= GO_ON_SECONDS


async def log_in_patiently(driver, chip):
    """A login whose phone posts its answer again until it has its 202, as a real app does."""
    post = driver.phone.post_answer

    async def post_until_taken(asked):
        deadline = time.monotonic() + 30
        while True:
            try:
                return await post(asked)
            except (ApiError, OSError, TimeoutError) as error:
                if time.monotonic() > deadline or (isinstance(error, ApiError) and error.status < 500):
                    raise
                await asyncio.sleep(0.1)

    driver.phone.post_answer = post_until_taken
    return await driver.log_in(chip, "bench")


@pytest.mark.parametrize("store", ["kafka", "mongod"])
def test_logins_in_flight_survive_a_kill_of_a_store(sandbox: Drilled, store: str):
    async def run() -> list:
        async with connected(sandbox.addresses) as driver:
            chips = list(cards.people(Path(sandbox.addresses["state"]), driver.authority, 8))
            logins = [asyncio.create_task(log_in_patiently(driver, chip)) for chip in chips]
            await asyncio.sleep(0.15)
            sandbox.supervisor.kill(store)
            await asyncio.sleep(1)
            sandbox.supervisor.start(store)
            await sandbox.supervisor.ready(store)
            return await asyncio.gather(*logins)

    results = asyncio.run(run())
    # A request that found no store before anything was promised is told so, and tried again by a person.
    started = [result for result in results if any(step.name == "answer" for step in result.steps)]
    assert [result.detail for result in started if result.outcome != "completed"] == []
    assert len({result.sub for result in started}) == len(started)


def test_after_all_kills_every_login_has_exactly_one_conclusion(sandbox: Drilled):
    concluded = [json.loads(line) for line in sandbox.log("audit-purge-0").splitlines() if line.startswith("{")]
    assert not [line for line in concluded if line["event"] == "event_put_aside"]
