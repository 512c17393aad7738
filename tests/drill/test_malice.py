"""What an attacker tries against the running whole: forged and moved events, replays, other people's links and browsers."""

import asyncio
import re
import time
from pathlib import Path

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from kit.encoding import unb64u
from kit.events import signature_message
from kit.tls import TlsFiles, client_context
from sandbox.browser import Browser
from sandbox.driver import connected
from sandbox.lean_rp import Attempt, RefusedError
from sandbox.phone.client import ApiError, Consent
from sandbox.phone.scan import scan
from shirushi.bus.v1 import envelope_pb2 as bus

from kit import crypto
from sandbox import cards
from tests.support.drilled import Drilled, drilled

pytestmark = [pytest.mark.real, pytest.mark.drill]

COMPLETED = "shirushi.verification.completed.v1"


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory):
    with drilled(tmp_path_factory.mktemp("malice")) as running:
        yield running


async def start(driver):
    browser, attempt = Browser(driver._session), Attempt()
    page = await browser.follow(driver.lean_rp.authorization_url(attempt), driver.lean_rp.is_redirect)
    return browser, attempt, page


def person(sandbox: Drilled, driver, number: int = 0):
    return list(cards.people(Path(sandbox.addresses["state"]), driver.authority, number + 1))[number]


def consent(chip) -> Consent:
    return Consent(chip.card.pin, [], chip.card.text_pin)


def kafka(sandbox: Drilled) -> dict:
    tls = TlsFiles(sandbox.pki.certificate("admin"), sandbox.pki.key("admin"), sandbox.pki.ca)
    return {
        "bootstrap_servers": sandbox.addresses["kafka"],
        "security_protocol": "SSL",
        "ssl_context": client_context(tls),
    }


async def records(sandbox: Drilled, topic: str, seconds: float = 20.0, at_least: int = 1) -> list:
    consumer = AIOKafkaConsumer(topic, auto_offset_reset="earliest", enable_auto_commit=False, **kafka(sandbox))
    await consumer.start()
    found: list = []
    deadline = time.monotonic() + seconds
    try:
        while len(found) < at_least and time.monotonic() < deadline:
            for batch in (await consumer.getmany(timeout_ms=500)).values():
                found += batch
    finally:
        await consumer.stop()
    return found


async def publish(sandbox: Drilled, topic: str, key: bytes, value: bytes) -> None:
    producer = AIOKafkaProducer(acks="all", **kafka(sandbox))
    await producer.start()
    try:
        await producer.send_and_wait(topic, value, key=key)
    finally:
        await producer.stop()


async def is_waiting(browser: Browser, page) -> bool:
    """Whether the login still waits: its waiting page shows itself and leads nowhere."""
    shown = await browser.follow(page.target("next"), lambda url: url.startswith("https://bench."))
    return shown.location is None and shown.status == 200


def test_who_may_write_every_topic_but_has_no_signing_key_logs_nobody_in(sandbox: Drilled):
    async def run() -> None:
        async with connected(sandbox.addresses) as driver:
            done = await driver.log_in(person(sandbox, driver), "bench")
            assert done.outcome == "completed", done.detail
            genuine = (await records(sandbox, COMPLETED))[-1]
            browser, _, page = await start(driver)
            # The login id is no secret: operators see it in the log.
            victim = bytes.fromhex(re.findall(r'"login_id": "([0-9a-f]{32})"', sandbox.log("gateway-0"))[-1])
            for value in (_moved(genuine.value, victim), _forged(genuine.value, victim), b"\xff" * 300, b""):
                await publish(sandbox, COMPLETED, victim, value)
            aside = await records(sandbox, COMPLETED + ".dlq", at_least=4)
            assert sorted(dict(record.headers)["reason"].decode() for record in aside) == [
                "undecodable",
                "unknown_version",
                "wrong_signature",
                "wrong_signature",
            ]
            assert await is_waiting(browser, page)
            # The partition goes on.
            again = await driver.log_in(person(sandbox, driver), "bench")
            assert again.outcome == "completed", again.detail

    asyncio.run(run())


def _moved(raw: bytes, login_id: bytes) -> bytes:
    envelope = bus.Envelope.FromString(raw)
    envelope.login_id = login_id
    return envelope.SerializeToString()


def _forged(raw: bytes, login_id: bytes) -> bytes:
    envelope = bus.Envelope.FromString(raw)
    envelope.login_id = login_id
    envelope.signature = crypto.sign(Ed25519PrivateKey.generate(), signature_message(envelope))
    return envelope.SerializeToString()


def test_a_replayed_token_another_transports_token_and_a_second_phone_are_refused(sandbox: Drilled):
    async def run() -> None:
        async with connected(sandbox.addresses) as driver:
            browser, _, page = await start(driver)
            qr = scan((await browser.get(page.frame("qr"))).text)
            app_link = page.attribute("app-link", "href")
            await driver.phone.claim(qr)
            for replayed in (qr, app_link):
                with pytest.raises(ApiError) as refused:
                    await driver.phone.claim(replayed)
                assert refused.value.status in (404, 409)
            # A QR token's letter turned into an app link's is nobody's token.
            token, _, rest = qr.partition("#t=q")
            with pytest.raises(ApiError):
                await driver.phone.claim(f"{token}#t=a{rest}")

    asyncio.run(run())


def test_a_replayed_answer_is_the_same_answer_and_another_one_is_refused(sandbox: Drilled):
    async def run() -> None:
        async with connected(sandbox.addresses) as driver:
            chip = person(sandbox, driver)
            _, _, page = await start(driver)
            asked = await driver.phone.claim(page.attribute("app-link", "href"))
            await driver.phone.approve(asked, chip, consent(chip))
            await driver.phone.post_answer(asked)
            with pytest.raises(ApiError) as refused:
                await driver.phone.approve(asked, chip, consent(chip))
            assert refused.value.status == 409

    asyncio.run(run())


def test_an_app_link_sent_to_someone_else_does_not_log_the_sender_in(sandbox: Drilled):
    async def run() -> None:
        async with connected(sandbox.addresses) as driver:
            chip = person(sandbox, driver)
            sender, _, page = await start(driver)
            asked = await driver.phone.claim(page.attribute("app-link", "href"))
            await driver.phone.approve(asked, chip, consent(chip))
            victim = Browser(driver._session)
            shown = await victim.follow(asked.sheet.return_uri)
            assert shown.has("typed-code")
            deadline = time.monotonic() + 15
            while not (waiting := await sender.get(page.target("next"))).has("submit-code"):
                assert waiting.location is None
                assert time.monotonic() < deadline
                await asyncio.sleep(0.2)
            # Answered and verified, and still the first browser is not sent to the relying party.
            assert (await sender.follow(page.target("next"), driver.lean_rp.is_redirect)).location is None

    asyncio.run(run())


def test_another_browser_cannot_finish_a_login_and_a_code_is_worth_something_once(sandbox: Drilled):
    async def run() -> None:
        async with connected(sandbox.addresses) as driver:
            chip = person(sandbox, driver)
            browser, attempt, page = await start(driver)
            asked = await driver.phone.claim(scan((await browser.get(page.frame("qr"))).text))
            await driver.phone.approve(asked, chip, consent(chip))
            thief = Browser(driver._session)
            assert (await thief.follow(page.target("next"), driver.lean_rp.is_redirect)).status == 403
            deadline = time.monotonic() + 15
            while (shown := await browser.follow(page.target("next"), driver.lean_rp.is_redirect)).location is None:
                assert time.monotonic() < deadline
                await asyncio.sleep(0.2)
            claims = await driver.lean_rp.redeem(shown.location, attempt)
            assert len(unb64u(claims["sub"], max_bytes=32)) == 32
            with pytest.raises(RefusedError) as refused:
                await driver.lean_rp.redeem(shown.location, attempt)
            assert refused.value.error == "invalid_grant"

    asyncio.run(run())
