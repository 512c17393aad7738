"""The whole service but for Kafka, MongoDB and TLS: the app API over ASGI, kit's doubles below it."""

import asyncio
import os
from dataclasses import dataclass, field
from typing import Any

import httpx
import pytest
from challenge.domain.dispatch import Dispatch, Keys
from challenge.domain.issue_request import IssueRequest
from challenge.domain.token import QrClock, Transport
from challenge.events import BusFacts
from challenge.keys import CustodyKeys
from challenge.store import COLLECTION, SealedChallenges
from challenge.web.edge import app_api
from kit.bus import Publisher
from kit.clock import FixedClock
from kit.encoding import b64u, unb64u
from kit.testing.fake_bus import FakeBus, FakeHub
from kit.testing.fake_custody import FakeDeployment
from kit.testing.fake_store import FakeStore
from shirushi import rights
from shirushi.bus.v1 import envelope_pb2 as bus

from tests.support.challenge_tokens import link_token, qr_token
from tests.support.claiming_phone import ClaimingPhone

T0 = 1_795_000_020.0
SHEETS = {Transport.APP_LINK: b"sealed sheet of the link", Transport.QR: b"sealed sheet of the code"}
SEALED = bytes(range(256)) * 5


@dataclass
class Service:
    """Challenge over doubles, and what its neighbours would do and see."""

    deployment: FakeDeployment
    clock: FixedClock
    hub: FakeHub = field(default_factory=FakeHub)
    watched: list[tuple[str, int]] = field(default_factory=list)

    def __post_init__(self) -> None:
        custody = self.deployment.custodies["challenge"]
        self.store = FakeStore("challenge", custody, self.clock)
        self.collection = self.store.collection(COLLECTION)
        publisher: Publisher = FakeBus(self.deployment.codecs["challenge"], self.hub)
        self.facts = BusFacts(publisher)
        self.dispatch = Dispatch(
            challenges=SealedChallenges(self.collection, clock=self.clock, hour=self.deployment.hour),
            facts=self.facts,
            epoch_keys=CustodyKeys(custody),
            keys=Keys(handle_key=b"h" * 32, network_key=b"n" * 32),
            clock=self.clock,
            hour=self.deployment.hour,
            qr_clock=QrClock(5.0),
            random=os.urandom,
        )
        self.app = app_api(self.dispatch, forwarded_hops=0, watch=self._watch)

    def _watch(self, route: str, status: int, seconds: float) -> None:
        assert seconds >= 0
        self.watched.append((route, status))

    def client(self, app: Any = None) -> httpx.AsyncClient:
        transport = httpx.ASGITransport(app or self.app, client=("192.0.2.7", 4711))
        return httpx.AsyncClient(transport=transport, base_url="https://challenge.test")

    async def issue(self, login_id: bytes | None = None) -> "Login":
        request = IssueRequest(
            login_id=login_id or os.urandom(16),
            epoch=self.deployment.hour.epoch_of(self.clock.now()),
            sheets=SHEETS,
            expires_at=int(self.clock.now()) + 300,
            verdict_due_at=int(self.clock.now()) + 3000,
            network_digest=b"",
        )
        given = await self.dispatch.issue(request)
        step = int(self.clock.now() // 5)
        return Login(
            request.login_id,
            link_token(given.handle, given.secrets.link_secret),
            qr_token(given.handle, step, given.secrets.qr_secret),
        )

    async def told(self, type_: "bus.EventType", message_class: type) -> list[Any]:
        """What the receiver of this type reads from its topic."""
        topic = rights.TOPICS[type_]
        codec = self.deployment.codecs[topic.receiver]
        await self.published()
        return [codec.open_(record.value, message_class) for record in self.hub.of(topic.name)]

    async def published(self) -> None:
        """Waits for what is published in the background."""
        await asyncio.wait_for(self.facts.stop(), 5)


@dataclass
class Login:
    """An issued challenge as the browser shows it."""

    login_id: bytes
    link: str
    qr: str


@dataclass
class App(ClaimingPhone):
    """A phone that speaks the app API."""

    client: httpx.AsyncClient | None = None
    challenge_id: str = ""
    nonce: bytes = b""

    async def post(self, path: str, body: dict[str, Any]) -> httpx.Response:
        assert self.client is not None
        return await self.client.post(f"/v1/challenges/{path}", json=body)

    async def claim(self, token: str) -> httpx.Response:
        body = {"token": token, "claim_key": self.jwk, "proof": self.claim_proof(token)}
        response = await self.post("claim", body)
        if response.status_code == 200:
            self.challenge_id = response.json()["challenge_id"]
            self.nonce = unb64u(response.json()["nonce"], max_bytes=32)
        return response

    async def answer(self, sealed: bytes = SEALED) -> httpx.Response:
        proof = self.answer_proof(self.challenge_id, sealed)
        return await self.post(f"{self.challenge_id}/answer", {"sealed_evidence": b64u(sealed), "proof": proof})

    async def cancel(self, reason: str) -> httpx.Response:
        proof = self.cancel_proof(self.challenge_id, reason)
        return await self.post(f"{self.challenge_id}/cancel", {"reason": reason, "proof": proof})

    async def status(self) -> httpx.Response:
        proof = self.status_proof(self.challenge_id, self.nonce)
        return await self.post(f"{self.challenge_id}/status", {"proof": proof})


@pytest.fixture
async def service():
    clock = FixedClock(T0)
    return Service(await FakeDeployment(clock=clock).start(), clock)


@pytest.fixture
async def client(service):
    async with service.client() as client:
        yield client


@pytest.fixture
def app(client):
    return App(client=client)


@pytest.fixture
def other_app(client):
    return App(client=client)
