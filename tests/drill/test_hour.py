"""An hour of two minutes, really waited for: a login in every stage ends, and afterwards nobody can read anything."""

import asyncio
import re
import time
from pathlib import Path

import aiohttp
import pytest
from kit.custody import Custody, KeyGone
from kit.custody_client import RpcShareSource
from kit.hour import Hour
from kit.rpc import TlsFiles, channel
from kit.store.document import Altered, associated_data, open_content
from pymongo import AsyncMongoClient
from sandbox.browser import Browser
from sandbox.driver import connected
from sandbox.lean_rp import Attempt
from sandbox.phone.client import Consent
from shirushi.rights import PRINCIPALS

from sandbox import cards
from tests.support.audited import custody_of, custody_of_audit_purge, saved_chain
from tests.support.drilled import Drilled, drilled, eventually

pytestmark = [pytest.mark.real, pytest.mark.drill]

HOUR = Hour(120.0)
# Where a completed login leaves something that can be read for the hour.
READ = {
    ("gateway", "logins"),
    ("challenge", "challenges"),
    ("pseudonym", "first_sectors"),
    ("audit-purge", "requests"),
    ("audit-purge", "conclusions"),
}


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory):
    with drilled(tmp_path_factory.mktemp("hour"), hour=HOUR) as running:
        yield running


async def facts(sandbox: Drilled) -> dict[str, float]:
    """What audit-purge has recorded for the first time, by fact."""
    url = sandbox.addresses["management"]["audit-purge-0"] + "/metrics"
    async with aiohttp.ClientSession() as session, session.get(url) as answer:
        text = await answer.text()
    pattern = r'shirushi_audit_purge_facts_total\{fact="(\w+)",outcome="recorded"\} ([0-9.]+)'
    return {fact: float(count) for fact, count in re.findall(pattern, text)}


async def until(sandbox: Drilled, fact: str, count: float, seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while (await facts(sandbox)).get(fact, 0) < count:
        assert time.monotonic() < deadline, f"{fact} was not recorded: {await facts(sandbox)}"
        await asyncio.sleep(0.25)


async def _started(driver):
    browser, attempt = Browser(driver._session), Attempt()
    page = await browser.follow(driver.lean_rp.authorization_url(attempt), driver.lean_rp.is_redirect)
    return browser, attempt, page


async def _answered(driver, chip):
    browser, attempt, page = await _started(driver)
    asked = await driver.phone.claim(page.attribute("app-link", "href"))
    await driver.phone.approve(asked, chip, Consent(chip.card.pin, [], chip.card.text_pin))
    return browser, attempt, asked


def test_a_login_in_every_stage_ends(sandbox: Drilled):
    async def run() -> None:
        async with connected(sandbox.addresses) as driver:
            chip = next(iter(cards.people(Path(sandbox.addresses["state"]), driver.authority, 1)))
            # Collected and not redeemed.
            browser, _, asked = await _answered(driver, chip)
            page = await browser.follow(asked.sheet.return_uri, driver.lean_rp.is_redirect)
            deadline = time.monotonic() + 10
            while page.location is None and time.monotonic() < deadline:
                await asyncio.sleep(0.2)
                page = await browser.follow(asked.sheet.return_uri, driver.lean_rp.is_redirect)
            assert page.location is not None
            # Answered and not collected; claimed and not answered; not even claimed.
            await _answered(driver, chip)
            _, _, page = await _started(driver)
            await driver.phone.claim(page.attribute("app-link", "href"))
            await _started(driver)
            await until(sandbox, "expired_redeem", 1, 30)
            await until(sandbox, "expired_claim", 1, 30)
            await until(sandbox, "expired_answer", 1, 30)
            # Answered while no verifier works.
            sandbox.supervisor.kill("verifier-0")
            await _answered(driver, chip)
            await until(sandbox, "expired_collect", 1, 130)
            await until(sandbox, "expired_verify", 1, 130)

    try:
        asyncio.run(run())
    finally:
        sandbox.supervisor.start("verifier-0")
        asyncio.run(sandbox.supervisor.ready("verifier-0"))


def test_a_dead_revocation_source_ends_in_a_definite_refusal(sandbox: Drilled):
    async def run() -> None:
        control = sandbox.addresses["jlis"] + "/control"
        async with connected(sandbox.addresses) as driver, aiohttp.ClientSession() as session:
            chip = next(iter(cards.people(Path(sandbox.addresses["state"]), driver.authority, 1)))
            before = (await facts(sandbox)).get("refused", 0)
            async with session.post(control, json={"mode": "dead"}) as answer:
                assert answer.status == 200
            try:
                await _answered(driver, chip)
                await until(sandbox, "refused", before + 1, 130)
            finally:
                async with session.post(control, json={"mode": "ok"}) as answer:
                    assert answer.status == 200

    asyncio.run(run())


def test_nothing_about_a_finished_login_can_be_read_after_its_deadline(sandbox: Drilled):
    async def run() -> None:
        async with connected(sandbox.addresses) as driver:
            chip = next(iter(cards.people(Path(sandbox.addresses["state"]), driver.authority, 1)))
            epoch = HOUR.epoch_of(time.time())
            result = await driver.log_in(chip, "bench")
            assert result.outcome == "completed", result.detail
        custodies = {service: await _custody(sandbox, service) for service in PRINCIPALS}
        of_login = await _documents_of(sandbox, epoch)
        # Before the deadline the same keys and bytes are readable: otherwise the rest would prove nothing.
        readable = {
            (service, name) for service, name, row in of_login if _readable(custodies[service], service, name, row)
        }
        assert readable >= READ
        deadline = HOUR.key_deadline(epoch + 2)
        while time.time() < deadline:
            await asyncio.sleep(0.5)
        for service, custody in custodies.items():
            # Everything that the service could ask for now, with its own identity and its own secret.
            await custody.refresh(whole=True)
            with pytest.raises(KeyGone):
                custody.state_key(epoch)
            fresh = await _custody(sandbox, service)
            with pytest.raises(KeyGone):
                fresh.state_key(epoch)
        assert not any(_readable(custodies[service], service, name, row) for service, name, row in of_login)
        # What is left of the secrets leads to later epochs only.
        await eventually(lambda: saved_chain(sandbox).epoch > epoch + 2, 5, "the secret is overwritten")

    asyncio.run(run())


def _readable(custody: Custody, service: str, name: str, row: dict) -> bool:
    place = associated_data(service, name, bytes(row["_id"]), row["epoch"], row["rev"])
    try:
        open_content(custody.state_key(row["epoch"]), bytes(row["box"]), place)
    except (KeyGone, Altered):
        return False
    return True


async def _custody(sandbox: Drilled, service: str) -> Custody:
    """A custody with the service's own credentials, as a restarted replica would make it."""
    if service == "audit-purge":
        return await custody_of_audit_purge(sandbox, HOUR)
    pki = sandbox.pki
    tls = TlsFiles(pki.certificate(service), pki.key(service), pki.ca)
    port = sandbox.supervisor.ports.internal_port(4, 0, 1)
    audit_purge = channel(f"127.0.0.1:{port}", tls, server_name="audit-purge")
    await audit_purge.start()
    return await custody_of(sandbox, service, RpcShareSource(audit_purge), HOUR)


async def _documents_of(sandbox: Drilled, epoch: int) -> list[tuple[str, str, dict]]:
    """The sealed documents of an epoch and the two after it, once the login's conclusion is among them."""
    deadline = time.monotonic() + 10
    while True:
        kept = [row for row in await _documents(sandbox) if epoch <= row[2]["epoch"] <= epoch + 2]
        if {(service, name) for service, name, _ in kept} >= READ or time.monotonic() > deadline:
            return kept
        await asyncio.sleep(0.25)


async def _documents(sandbox: Drilled) -> list[tuple[str, str, dict]]:
    """Every sealed document of every service, read with its own database user."""
    found = []
    for service, principal in PRINCIPALS.items():
        async with AsyncMongoClient(
            sandbox.addresses["mongodb"],
            tls=True,
            tlsCertificateKeyFile=str(sandbox.pki.both(service)),
            tlsCAFile=str(sandbox.pki.ca),
            authMechanism="MONGODB-X509",
            authSource="$external",
        ) as client:
            database = client[principal.database]
            for name in await database.list_collection_names():
                found += [(service, name, row) async for row in database[name].find({"box": {"$exists": True}})]
    return found
