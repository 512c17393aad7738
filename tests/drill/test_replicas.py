"""Two replicas of each service, many people at once, and replicas that die in the middle of it."""

import asyncio
from pathlib import Path

import pytest
from sandbox.driver import connected, run_logins

from tests.support.drilled import Drilled, drilled

pytestmark = [pytest.mark.real, pytest.mark.drill]

PEOPLE = 200
CONCURRENCY = 16


@pytest.fixture(scope="module")
def replicated(tmp_path_factory):
    with drilled(tmp_path_factory.mktemp("replicas"), replicas=2) as sandbox:
        yield sandbox


def test_two_hundred_people_log_in_over_two_replicas_of_everything(replicated: Drilled):
    results = asyncio.run(
        run_logins(replicated.addresses, card=None, people=PEOPLE, rp="bench", count=PEOPLE, concurrency=CONCURRENCY)
    )
    assert [result.detail for result in results if result.outcome != "completed"] == []
    assert len({result.sub for result in results}) == PEOPLE


@pytest.mark.parametrize("rp", ["bench", "city"])
def test_all_complete_while_one_replica_of_each_is_killed_and_restarted(replicated: Drilled, rp: str):
    supervisor = replicated.supervisor
    victims = ["gateway-1", "challenge-1", "verifier-1", "pseudonym-1"]

    async def run() -> list:
        done: list = []

        async def hurt() -> None:
            for count, victim in enumerate(victims, start=1):
                while len(done) < count * PEOPLE // 6:
                    await asyncio.sleep(0.02)
                supervisor.kill(victim)
                await asyncio.sleep(0.5)
                supervisor.start(victim)

        hurting = asyncio.create_task(hurt())
        results = await run_logins(
            replicated.addresses,
            card=None,
            people=PEOPLE,
            rp=rp,
            count=PEOPLE,
            concurrency=CONCURRENCY,
            on_result=done.append,
        )
        await hurting
        for victim in victims:
            await supervisor.ready(victim)
        return results

    results = asyncio.run(run())
    assert [result.detail for result in results if result.outcome != "completed"] == []
    assert len({result.sub for result in results}) == PEOPLE


def test_the_same_person_has_one_sub_at_a_site_and_another_at_another(replicated: Drilled):
    async def subs() -> list[str | None]:
        found = []
        for rp in ("city", "bank", "city"):
            results = await run_logins(replicated.addresses, card="hanako", people=None, rp=rp, count=1, concurrency=1)
            found.append(results[0].sub)
        return found

    city, bank, again = asyncio.run(subs())
    assert city == again
    assert city != bank
    assert city and bank


def test_a_waiting_page_served_by_one_replica_is_moved_on_by_a_verdict_that_another_took(replicated: Drilled):
    async def by_qr() -> list[str]:
        async with connected(replicated.addresses) as driver:
            from sandbox import cards

            chips = list(cards.people(Path(replicated.addresses["state"]), driver.authority, 8))
            results = await asyncio.gather(*(driver.log_in(chip, "bench", "qr") for chip in chips))
            return [result.outcome for result in results]

    assert asyncio.run(by_qr()) == ["completed"] * 8
