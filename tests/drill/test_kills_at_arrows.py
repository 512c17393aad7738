"""kill -9 of each service at every arrow of a login, then a restart: what got its 202 completes, once.

One row is one arrow of docs/architecture.md, from the answer on. The instance runs with one point at which it kills
itself; it is restarted as it ships, and the login that was under way goes on.
"""

import asyncio
import json
import time
from pathlib import Path

import aiohttp
import pytest
from kit.hour import Hour
from sandbox.driver import connected
from sandbox.phone.client import ApiError
from sandbox.process import ProcessDied

from sandbox import cards
from tests.support.audited import Audited, audited, redemptions
from tests.support.drilled import Drilled, drilled, eventually

pytestmark = [pytest.mark.real, pytest.mark.drill]

GO_ON_SECONDS = 15.0
# A login that nobody claims is swept when its challenge's five minutes are over; the lease of a sweeper that died is one.
LONGEST_UNCLAIMED_SECONDS = 450.0

ARROWS = [
    # Challenge stores, publishes, confirms.
    ("challenge-0", "before-replace:answering"),
    ("challenge-0", "after-replace:answering"),
    ("challenge-0", "after-publish:CHALLENGE_ANSWERED"),
    ("challenge-0", "after-replace:answered"),
    # The verifier reads, publishes, commits.
    ("verifier-0", "after-open:CHALLENGE_ANSWERED"),
    ("verifier-0", "before-publish:VERIFICATION_COMPLETED"),
    ("verifier-0", "after-publish:VERIFICATION_COMPLETED"),
    # The gateway takes the verdict, stores it, tells its replicas, collects through pseudonym.
    ("gateway-0", "after-open:VERIFICATION_COMPLETED"),
    ("gateway-0", "before-replace:verified"),
    ("gateway-0", "after-replace:verified"),
    ("gateway-0", "after-publish:LOGIN_PROGRESSED"),
    ("pseudonym-0", "before-insert:first_sectors"),
    ("pseudonym-0", "after-insert:first_sectors"),
    ("gateway-0", "before-replace:collected"),
    ("gateway-0", "after-replace:collected"),
    # The code is spent and answered, the conclusion published and recorded.
    ("gateway-0", "before-replace:redeemed"),
    ("gateway-0", "after-replace:redeemed"),
    ("gateway-0", "before-publish:LOGIN_CONCLUDED"),
    ("gateway-0", "after-publish:LOGIN_CONCLUDED"),
    ("audit-purge-0", "after-open:LOGIN_REQUESTED"),
    ("audit-purge-0", "before-insert:requests"),
    ("audit-purge-0", "after-insert:requests"),
    ("audit-purge-0", "after-open:LOGIN_CONCLUDED"),
    ("audit-purge-0", "before-insert:conclusions"),
    ("audit-purge-0", "after-insert:conclusions"),
]
# No revocation source answers: the verifier parks the check, says so, and tries again.
PARKED_ARROWS = [
    ("verifier-0", "before-insert:parked_checks"),
    ("verifier-0", "after-insert:parked_checks"),
    ("verifier-0", "before-publish:VERIFICATION_DELAYED"),
    ("verifier-0", "after-publish:VERIFICATION_DELAYED"),
    # The source is back, and the verdict comes from the parked check.
    ("verifier-0", "before-publish:VERIFICATION_COMPLETED"),
    ("verifier-0", "after-publish:VERIFICATION_COMPLETED"),
]


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory):
    with drilled(tmp_path_factory.mktemp("arrows")) as running:
        yield running


@pytest.fixture(scope="module")
def completed() -> list[str]:
    """The `sub`s of all logins of this module that completed."""
    return []


def rows(arrows: list[tuple[str, str]]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize(("victim", "point"), arrows, ids=[f"{name} {point}" for name, point in arrows])


@rows(ARROWS)
def test_a_login_survives_a_kill(sandbox: Drilled, completed: list, victim: str, point: str, tmp_path: Path):
    marker = arm(sandbox, victim, point, tmp_path)
    asyncio.run(killed_and_gone_on(sandbox, completed, victim))
    assert marker.exists()


@rows(PARKED_ARROWS)
def test_a_login_that_waits_for_a_revocation_source_survives_a_kill(
    sandbox: Drilled, completed: list, victim: str, point: str, tmp_path: Path
):
    marker = arm(sandbox, victim, point, tmp_path)
    parked_before = parked(sandbox)

    async def run() -> None:
        await answer_as(sandbox, "dead")

        async def mended() -> None:
            await eventually(lambda: marker.exists() or parked(sandbox) > parked_before, 30, "a check is parked")
            await answer_as(sandbox, "ok")

        mending = asyncio.create_task(mended())
        try:
            await killed_and_gone_on(sandbox, completed, victim)
            await mending
        finally:
            mending.cancel()
            await answer_as(sandbox, "ok")

    asyncio.run(run())
    assert marker.exists()


def parked(sandbox: Drilled) -> int:
    return sandbox.log("verifier-0").count('"verification_delayed"')


async def answer_as(sandbox: Drilled, mode: str) -> None:
    """Makes the revocation source behave in one of its modes."""
    control = sandbox.addresses["jlis"] + "/control"
    async with aiohttp.ClientSession() as session, session.post(control, json={"mode": mode}) as answer:
        assert answer.status == 200


def arm(sandbox: Drilled, victim: str, point: str, directory: Path) -> Path:
    """Starts an instance with a point at which it dies; returns the file that then exists."""
    marker = directory / "died"
    sandbox.crash_at(victim, point, marker)
    try:
        asyncio.run(sandbox.supervisor.ready(victim))
    except ProcessDied:
        # A fact that was still on its way from the row before has brought it to the point already.
        assert marker.exists()

    return marker


async def killed_and_gone_on(sandbox: Drilled, completed: list, victim: str) -> None:
    """One login; the victim dies on its way, is started as it ships, and the login completes soon after."""
    loop = asyncio.get_running_loop()

    async def revive() -> float:
        await sandbox.died(victim)
        restarted = loop.time()
        # Started in the main thread: the kernel ends children together with the thread that started them.
        sandbox.heal(victim)
        await sandbox.supervisor.ready(victim)
        return restarted

    async with connected(sandbox.addresses) as driver:
        chips = list(cards.people(Path(sandbox.addresses["state"]), driver.authority, 1))
        reviving = asyncio.create_task(revive())
        result = await log_in_patiently(driver, chips[0])
        ended = loop.time()
        restarted = await reviving
    assert result.outcome == "completed", result.detail
    completed.append(result.sub)
    assert ended - restarted <= GO_ON_SECONDS


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
def test_logins_in_flight_survive_a_kill_of_a_store(sandbox: Drilled, completed: list, store: str):
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
    completed += [result.sub for result in results if result.outcome == "completed"]
    # A request that found no store before anything was promised is told so, and tried again by a person.
    started = [result for result in results if any(step.name == "answer" for step in result.steps)]
    assert [result.detail for result in started if result.outcome != "completed"] == []
    assert len({result.sub for result in started}) == len(started)


def test_after_all_kills_every_login_has_exactly_one_conclusion(sandbox: Drilled, completed: list):
    found = asyncio.run(settled(sandbox))
    assert set(found.concluded) == found.requested
    assert [ends for ends in found.concluded.values() if len(ends) != 1] == []
    ended = {login_id: next(iter(ends)) for login_id, ends in found.concluded.items()}
    assert found.recorded == ended
    # As many as the relying party was told of: none was counted twice, none forgotten.
    redeemed = {login_id for login_id, end in ended.items() if end.outcome == "completed"}
    assert len(redeemed) == len(completed)
    assert redemptions(sandbox) == dict.fromkeys(redeemed, 1)
    put_aside = [line for name in sandbox.addresses["management"] for line in facts(sandbox, name, "event_put_aside")]
    assert put_aside == []


async def settled(sandbox: Drilled) -> Audited:
    """What audit-purge has of all logins, once each has ended: those that a kill left unclaimed expire."""
    deadline = time.monotonic() + LONGEST_UNCLAIMED_SECONDS
    while True:
        found = await audited(sandbox, Hour())
        ended = found.requested and set(found.concluded) == found.requested
        if (ended and None not in found.recorded.values()) or time.monotonic() > deadline:
            return found
        await asyncio.sleep(2)


def facts(sandbox: Drilled, name: str, event: str) -> list[dict]:
    """The lines of one event in an instance's log."""
    lines = [json.loads(line) for line in sandbox.log(name).splitlines() if line.startswith("{")]
    return [line for line in lines if line["event"] == event]
