"""The gateway but for Kafka, MongoDB, TLS and its peers: kit's doubles below it, a fake challenge and pseudonym beside it."""

import asyncio
import os
from dataclasses import dataclass, field
from urllib.parse import parse_qs, urlsplit

import httpx
from gateway.assertion_keys import AssertionKeys
from gateway.clients import ClientRegistry
from gateway.domain.collect import Collector
from gateway.domain.opaque_token import PresentTokenKeys
from gateway.domain.redeem import Redeemer
from gateway.domain.start_login import LoginStarter
from gateway.domain.sweep import Sweeper
from gateway.domain.verdicts import Verdicts
from gateway.events import Events
from gateway.facts import PublishedFacts
from gateway.id_tokens import IdTokenKeys
from gateway.metrics import CountedFacts
from gateway.store import AssertionIds, StoredLogins
from gateway.waiting import WaitingBrowsers
from gateway.web.edge import application
from gateway.web.parts import Parts
from joserfc.jwk import ECKey
from kit.clock import FixedClock
from kit.errors import Unavailable
from kit.telemetry import Telemetry
from kit.testing.fake_bus import FakeBus, FakeHub
from kit.testing.fake_store import FakeStore
from shirushi.bus.v1 import envelope_pb2 as bus
from shirushi.gateway.v1 import events_pb2 as pb
from shirushi.rights import TOPICS

from tests.component.gateway.peers import FakeChallenges, FakePseudonyms

T0 = 1_795_000_020.0
ORIGIN = "https://gateway.test"
ISSUER = f"{ORIGIN}/api/realms/main"
OIDC = "/api/realms/main/protocol/openid-connect"
TOKEN_ENDPOINT = f"{ORIGIN}{OIDC}/token"
APP = "https://app.test/link"


@dataclass
class Registrations:
    """The registry's source."""

    entries: list = field(default_factory=list)
    away: bool = False

    async def read(self):
        if self.away:
            raise Unavailable("the registry is away", reason="clients_unreadable")
        return self.entries


class Gateway:
    """Everything of one test."""

    def __init__(self, deployment, clock, clients):
        self.deployment, self.clock = deployment, clock
        self.hour = deployment.hour
        self.keys = deployment.custodies["gateway"]
        self.hub = FakeHub()
        self.telemetry = Telemetry("gateway")
        # Whether callers have gone away by the time that their answers are ready.
        self.hung_up = False
        self.watched = []
        self.store = FakeStore("gateway", self.keys, clock)
        self.logins_kept = self.store.collection("logins")
        self.challenges, self.pseudonyms = FakeChallenges(), FakePseudonyms()
        self.registrations = Registrations(clients)
        self.registry = ClientRegistry(self.registrations)
        self.id_token_key = ECKey.generate_key("P-256", {"use": "sig", "alg": "ES256"}, private=True, auto_kid=True)
        self.replicas = [self.replica("gateway-0"), self.replica("gateway-1")]
        self.parts, self.app, self.sweeper, self.bus = self.replicas[0]
        self.verifier = FakeBus(deployment.codecs["verifier"], self.hub)
        self.challenge = FakeBus(deployment.codecs["challenge"], self.hub)

    def replica(self, instance):
        """One process of the service, over the same store and bus."""
        clock, hour = self.clock, self.hour
        keys = PresentTokenKeys(self.keys, clock, hour)
        own_bus = FakeBus(self.deployment.codecs["gateway"], self.hub)
        logins = StoredLogins(self.logins_kept, hour=hour, instance=instance)
        waiting = WaitingBrowsers()
        facts = CountedFacts(PublishedFacts(own_bus, waiting), self.telemetry)
        verdicts = Verdicts(logins, self.challenges, facts, clock, hour)
        # The first replica is the one of the group that has the partition; broadcasts reach both.
        Events(verdicts, waiting, logins.forget).subscribe(
            own_bus if instance == "gateway-0" else _BroadcastsOnly(own_bus)
        )
        shared = {"logins": logins, "keys": keys, "clock": clock, "hour": hour, "random": os.urandom}
        parts = Parts(
            issuer=ISSUER,
            origin=ORIGIN,
            test_card_url="https://phone.test/test-card",
            network_key=b"n" * 32,
            forwarded_hops=0,
            qr_step_seconds=5.0,
            clock=clock,
            hour=hour,
            keys=keys,
            clients=self.registry,
            logins=logins,
            challenges=self.challenges,
            starter=LoginStarter(
                **shared,
                challenges=self.challenges,
                facts=facts,
                sector_key=b"S" * 32,
                app_link_base=APP,
                return_base=f"{ORIGIN}/return",
            ),
            collector=Collector(
                **shared,
                pseudonyms=self.pseudonyms,
                find_client=self.registry.find,
                sector_key=b"S" * 32,
                issuer=ISSUER,
            ),
            redeemer=Redeemer(**shared, facts=facts, wait=self.pause),
            verdicts=verdicts,
            waiting=waiting,
            assertion_keys=AssertionKeys(),
            assertion_ids=AssertionIds(self.store.collection("assertion_ids"), key=b"j" * 32, hour=hour, clock=clock),
            id_tokens=IdTokenKeys([self.id_token_key]),
        )
        sweeper = Sweeper(logins, self.challenges, facts, verdicts, clock, hour)
        return parts, self._with_state(application(parts, self._watch)), sweeper, own_bus

    def _with_state(self, app):
        state = {"stopping": asyncio.Event(), "gone": lambda: self.hung_up}

        async def with_state(scope, receive, send):
            scope.setdefault("state", state)
            await app(scope, receive, send)

        return with_state

    def _watch(self, route, status, seconds):
        assert seconds >= 0
        self.watched.append((route, status))

    def http(self, replica=0, **options):
        """A browser or back channel of its own: cookies are kept, redirects are not followed."""
        transport = httpx.ASGITransport(self.replicas[replica][1], client=("192.0.2.7", 4711))
        return httpx.AsyncClient(transport=transport, base_url=ORIGIN, **options)

    async def pause(self, seconds):
        """Waits as the product does, on this test's clock."""
        self.clock.advance(seconds)
        await asyncio.sleep(0)

    async def advance(self, seconds):
        """Lets time pass, for keys too."""
        self.clock.advance(seconds)
        await self.deployment.refresh()

    async def told(self, type_, message_class):
        """What the receiver of a type reads from its topic."""
        topic = TOPICS[type_]
        codec = self.deployment.codecs[topic.receiver]
        return [codec.open_(record.value, message_class) for record in self.hub.of(topic.name)]

    async def concluded(self):
        """The published conclusions: (login id, outcome, reason or stage)."""
        events = await self.told(bus.EVENT_TYPE_LOGIN_CONCLUDED, pb.LoginConcluded)
        return [(event.login_id, *_outcome(event.message)) for event in events]

    def state(self, login_id):
        """What stands in clear about a login."""
        return self.logins_kept.rows[login_id].document.state


class _BroadcastsOnly:
    def __init__(self, own_bus):
        self.broadcast = own_bus.broadcast

    def subscribe(self, message_class, handler):
        pass


def _outcome(message):
    outcome = message.WhichOneof("outcome")
    detail = {"refused": message.refused.reason, "expired": message.expired.stage}
    return outcome, detail.get(outcome)


def query_of(address):
    """The parameters of an address, each given once."""
    parsed = parse_qs(urlsplit(address).query, keep_blank_values=True)
    assert all(len(values) == 1 for values in parsed.values())
    return {name: values[0] for name, values in parsed.items()}


def started_clock():
    return FixedClock(T0)
