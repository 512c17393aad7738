"""Logins with values that are watched for: who the relying party is, which browser asks, what the card and its holder say."""

import asyncio
import socket
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from gateway.domain.sector import sector_label
from kit.settings import read_secret
from kit.testing.leak_guard import LeakGuard
from pseudonym.domain.one_sector import sector_digest
from sandbox.browser import _HEADERS as BROWSER_HEADERS
from sandbox.browser import Browser, Page
from sandbox.cards import Chip, load
from sandbox.driver import Driver, LoginResult
from sandbox.lean_rp import Attempt
from sandbox.phone.client import Asked, Consent
from sandbox.phone.messages import ATTRIBUTE_NAMES
from sandbox.pki import Pki
from shirushi.evidence.v1 import evidence_pb2 as pb
from verifier.domain.subject_handle import SubjectHandles

from tests.support.drilled import Drilled

CLIENT_ID = "plantedrelyingparty"
REDIRECT_URI = "https://planted.shirushi.test/callback"
RP_NAME, PURPOSE = "ベンチマーク", "負荷試験のため"
# A loopback address that nothing else uses, and one that only a forged header names.
ADDRESS, FORWARDED = "127.0.0.77", "203.0.113.77"
USER_AGENT = "Mozilla/5.0 (X11; Linux x86_64) Planted/77.1 Chrome/141.0.7777.1 Safari/537.36"
SCOPE = "openid name address birthdate gender"

Values = dict[str, str | bytes | int]


@dataclass
class Planted:
    """The values, by what the table in tests/drill/test_reading.py calls them."""

    rp: Values = field(
        default_factory=lambda: {
            "redirect uri": REDIRECT_URI,
            "origin": REDIRECT_URI.removesuffix("/callback"),
            "rp name": RP_NAME,
            "purpose": PURPOSE,
            "sector": f"{CLIENT_ID}.shirushi.test",
        }
    )
    client: Values = field(default_factory=lambda: {"client id": CLIENT_ID})
    browser: Values = field(
        default_factory=lambda: {
            "address": ADDRESS,
            "forwarded address": FORWARDED,
            "user agent": USER_AGENT,
            "part of the user agent": "Chrome/141.0.7777.1",
        }
    )
    card: Values = field(default_factory=dict)
    handle: Values = field(default_factory=dict)
    person: Values = field(default_factory=dict)
    sector: Values = field(default_factory=dict)
    kept: Values = field(default_factory=dict)
    sub: Values = field(default_factory=dict)
    challenge: Values = field(default_factory=dict)
    errors: list[bytes] = field(default_factory=list)

    def guard(self, *groups: str) -> LeakGuard:
        """Watches for some groups."""
        return LeakGuard({name: value for group in groups for name, value in getattr(self, group).items()})

    def plant_card(self, chip: Chip, handles: SubjectHandles, root: x509.Certificate) -> None:
        """Everything that names this card or its holder."""
        name, certificate, person = chip.card.name, chip.authentication.certificate, chip.card.person
        self.card |= {
            f"{name}'s certificate": certificate.public_bytes(Encoding.DER),
            f"{name}'s signed part": certificate.tbs_certificate_bytes,
            f"{name}'s key": certificate.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo),
            f"{name}'s serial": certificate.serial_number,
            f"{name}'s subject": certificate.subject.public_bytes(),
            f"{name}'s municipality": person.municipality.code,
            f"{name}'s common name": certificate.subject.rfc4514_string().split(",")[0].removeprefix("CN="),
        }
        identifier = root.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value.digest
        self.handle[f"{name}'s handle"] = handles.handle(identifier, certificate.serial_number)
        self.person |= {
            f"{name}'s name": person.name,
            f"{name}'s name without space": person.name.replace("　", ""),
            f"{name}'s address": person.address,
            f"{name}'s birth date": person.birthdate,
        }

    def plant_evidence(self, asked: Asked, evidence: pb.Evidence) -> None:
        """What is made anew for each login."""
        key = asked.challenge_id
        self.card[f"signature {key}"] = evidence.signatures[0].value
        self.challenge |= {
            f"nonce {key}": evidence.nonce,
            f"notice key {key}": evidence.notice_key,
            f"blind {key}": asked.sheet.blind,
            f"binding {key}": evidence.binding,
        }


class WatchedDriver(Driver):
    """Notes what the phone seals."""

    planted: Planted

    async def _answer(self, asked: Asked, chip: Chip) -> None:
        agreed = [ATTRIBUTE_NAMES[entry.attribute] for entry in asked.sheet.asked]
        consent = Consent(chip.card.pin, agreed, chip.card.text_pin)
        await self.phone.approve(asked, chip, consent, lambda evidence: self.planted.plant_evidence(asked, evidence))

    async def first_page(self) -> tuple[Browser, Page]:
        """A login that has just begun."""
        browser = Browser(self._session)
        return browser, await browser.follow(self.lean_rp.authorization_url(Attempt()), self.lean_rp.is_redirect)

    async def answer_only(self, chip: Chip) -> None:
        """Answers and does not wait for what becomes of it."""
        browser, page = await self.first_page()
        await self._answer(await self.phone.claim(await self._link(browser, page, "app_link")), chip)

    async def decline(self) -> None:
        """Cancels at the phone."""
        browser, page = await self.first_page()
        await self.phone.cancel(await self.phone.claim(await self._link(browser, page, "qr")), "declined")


def plant_relying_party(patch: pytest.MonkeyPatch) -> None:
    """Gives the bench's client a name that is found again, and the driver's browser a header that is."""
    for module in ("sandbox.rp.clients", "sandbox.lean_rp", "sandbox.driver"):
        patch.setattr(f"{module}.BENCH", CLIENT_ID)
    for module in ("sandbox.rp.clients", "sandbox.lean_rp"):
        patch.setattr(f"{module}.BENCH_REDIRECT_URI", REDIRECT_URI)
    for header, value in (("User-Agent", USER_AGENT), ("X-Forwarded-For", FORWARDED)):
        patch.setitem(BROWSER_HEADERS, header, value)


async def planted_logins(sandbox: Drilled) -> Planted:
    """Logins by both transports, one refused, one cancelled, one parked, and some requests that are answered by errors."""
    planted = Planted()
    async with _connected(sandbox.addresses) as driver:
        driver.planted = planted
        state = Path(sandbox.addresses["state"])
        handles = SubjectHandles(read_secret(Pki(sandbox.supervisor.state.pki).handle_key), test_mode=True)
        chips = {name: load(state, name) for name in ("hanako", "next-generation", "revoked", "unchecked")}
        for chip in chips.values():
            root = driver.authority.generations[chip.card.kind, chip.card.generation].certificate
            planted.plant_card(chip, handles, root)
        sector_key = read_secret(Pki(sandbox.supervisor.state.pki).sector_secret)
        label = sector_label(sector_key, f"{CLIENT_ID}.shirushi.test")
        planted.sector["sector label"] = label
        # The one thing that pseudonym keeps of a login.
        planted.kept["sector digest"] = sector_digest(label, 1)
        results = [
            await driver.log_in(chips["hanako"], CLIENT_ID, "app_link"),
            await driver.log_in(chips["next-generation"], CLIENT_ID, "qr"),
        ]
        for result in results:
            assert result.outcome == "completed", result.detail
            assert result.claims["name"]
            planted.sub[f"sub {len(planted.sub)}"] = str(result.sub)
        refused: LoginResult = await driver.log_in(chips["revoked"], CLIENT_ID, "qr")
        assert refused.outcome == "card_not_accepted", refused.detail
        await driver.decline()
        await driver.answer_only(chips["unchecked"])
        await _delayed(sandbox)
        planted.errors = await _errors(driver, sandbox.addresses, chips["hanako"])
    return planted


async def _delayed(sandbox: Drilled) -> None:
    data = sandbox.supervisor.state.root / "kafka" / "data"
    async with asyncio.timeout(30):
        while not any(log.stat().st_size for log in data.glob("shirushi.verification.delayed.v1-*/*.log")):
            await asyncio.sleep(0.1)


async def _errors(driver: WatchedDriver, addresses: dict[str, Any], chip: Chip) -> list[bytes]:
    """What the public surfaces answer to somebody who puts personal data where it does not belong."""
    person, der = chip.card.person, chip.certificate("auth").hex()
    typed = {"token": person.name, "code": person.address, "client_id": person.name, "claim_key": der}
    base = f"{addresses['issuer']}/protocol/openid-connect"
    challenge = f"{addresses['challenge']}/v1/challenges"
    session, answers = driver._session, []
    for url, body in (
        (f"{challenge}/resolve", {"json": typed}),
        (f"{challenge}/claim", {"json": typed | {"proof": person.name}}),
        (f"{challenge}/{person.birthdate}/answer", {"json": typed}),
        (f"{base}/token", {"data": typed | {"grant_type": person.name}}),
        (f"{base}/token", {"data": typed | {"grant_type": "authorization_code", "client_assertion": der}}),
    ):
        async with session.post(url, **body) as response:
            assert 400 <= response.status < 500, (url, response.status)
            answers.append(await response.read())
    for url in (f"{base}/auth?client_id={person.name}&state={person.address}", f"{base}/userinfo"):
        async with session.get(url, headers={"Authorization": f"Bearer {der[:512]}"}) as response:
            assert 400 <= response.status < 500, (url, response.status)
            answers.append(await response.read())
    return answers


@asynccontextmanager
async def _connected(addresses: dict[str, Any]) -> AsyncIterator[WatchedDriver]:
    tls = ssl.create_default_context(cafile=addresses["ca"])
    connector = aiohttp.TCPConnector(ssl=tls, local_addr=(ADDRESS, 0), family=socket.AF_INET)
    async with aiohttp.ClientSession(connector=connector, cookie_jar=aiohttp.DummyCookieJar()) as session:
        yield WatchedDriver(session, addresses, SCOPE)
