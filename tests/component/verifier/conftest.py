from dataclasses import dataclass, field

import pytest
from kit.clock import FixedClock
from kit.hour import Hour
from kit.management import Health
from kit.telemetry import Telemetry
from kit.testing.fake_bus import FakeBus, FakeHub
from kit.testing.fake_custody import FakeDeployment
from kit.testing.fake_store import FakeStore
from shirushi.bus.v1 import envelope_pb2 as bus_pb
from shirushi.challenge.v1.events_pb2 import ChallengeAnswered
from shirushi.verifier.v1 import events_pb2 as pb
from verifier.domain.ocsp import CertificateStatus, Freshness, Standing, read_response
from verifier.domain.ocsp_request import Inquiry
from verifier.domain.ocsp_responder import Unusable
from verifier.domain.revocation import SourceUnavailable
from verifier.domain.subject_handle import SubjectHandles
from verifier.events.challenge_answered import ChallengeAnsweredHandler, Verdicts
from verifier.events.examination import Examination
from verifier.metrics import Metrics
from verifier.retries import Retries
from verifier.store import COLLECTION, ParkedChecks

from tests.support import evidence as phone
from tests.support import jpki
from tests.support.jpki import NOW, T0

LOGIN = bytes(range(16))
HANDLE_KEY = b"h" * 32


class Responder:
    """A revocation source that says what the test wants; `broken` makes an OCSP response that is read for real."""

    def __init__(self):
        self.standing = Standing.GOOD
        self.away = False
        self.broken = None
        self.asked = 0

    async def status_of(self, checked):
        self.asked += 1
        if self.away:
            raise SourceUnavailable
        if self.broken is not None:
            inquiry = Inquiry.about(checked.anchor, checked.certificate.serial, bytes(range(32)))
            try:
                return read_response(self.broken(inquiry), inquiry, NOW, Freshness())
            except Unusable:
                raise SourceUnavailable from None
        return CertificateStatus(self.standing, NOW)


class Replica:
    """One verifier, all of it but real Kafka, MongoDB and HTTP."""

    def __init__(self, world, instance):
        codec = world.deployment.codecs["verifier"]
        self.bus = FakeBus(codec, world.hub) if instance == 0 else world.replicas[0].bus
        self.telemetry = Telemetry("verifier")
        metrics = Metrics(self.telemetry)
        self.examination = Examination(
            keys=world.deployment.custodies["verifier"],
            codec=codec,
            rules=world.rules,
            source=world.responder,
            handles=SubjectHandles(HANDLE_KEY, test_mode=True),
            clock=world.clock,
            hour=world.hour,
        )
        self.parked = ParkedChecks(
            world.store.collection(COLLECTION), clock=world.clock, hour=world.hour, owner=str(instance)
        )
        verdicts = Verdicts(self.bus, metrics)
        self.handler = ChallengeAnsweredHandler(
            examination=self.examination,
            verdicts=verdicts,
            parked=self.parked,
            publisher=self.bus,
            clock=world.clock,
            metrics=metrics,
            telemetry=self.telemetry,
        )
        self.retries = Retries(
            parked=self.parked,
            examination=self.examination,
            verdicts=verdicts,
            hour=world.hour,
            health=Health(),
            metrics=metrics,
        )
        if instance == 0:
            self.bus.subscribe(ChallengeAnswered, self.handler)


@dataclass
class World:
    """Challenge and gateway around the verifier, over one bus in memory."""

    deployment: FakeDeployment
    clock: FixedClock
    hour: Hour
    rules: object = field(default_factory=jpki.rules)
    hub: FakeHub = field(default_factory=FakeHub)
    responder: Responder = field(default_factory=Responder)
    verdicts: list = field(default_factory=list)
    delayed: list = field(default_factory=list)
    replicas: list = field(default_factory=list)

    def __post_init__(self):
        self.epoch = self.hour.epoch_of(T0)
        self.store = FakeStore("verifier", self.deployment.custodies["verifier"], self.clock)
        self.replicas.append(Replica(self, 0))
        self.challenge = FakeBus(self.deployment.codecs["challenge"], self.hub)
        self.gateway = FakeBus(self.deployment.codecs["gateway"], self.hub)
        self.gateway.subscribe(pb.VerificationCompleted, self._take(self.verdicts))
        self.gateway.subscribe(pb.VerificationDelayed, self._take(self.delayed))

    def _take(self, events):
        async def handler(event):
            events.append(event)

        return handler

    @property
    def verifier(self):
        return self.replicas[0]

    @property
    def parked(self):
        return self.store.collection(COLLECTION).rows

    @property
    def sealing_key(self):
        return self.deployment.custodies["verifier"].sealing_private(self.epoch).public_key

    def fact(self, answer=None, **changes):
        """What challenge publishes about an answer of the phone."""
        answer = answer or phone.Answer(sealing_key=self.sealing_key)
        return phone.challenge_answered(answer.evidence(), self.sealing_key, self.epoch, **changes)

    async def publish(self, fact, login_id=LOGIN, epoch=None):
        await self.challenge.publish(
            bus_pb.EVENT_TYPE_CHALLENGE_ANSWERED, login_id, self.epoch if epoch is None else epoch, fact
        )

    async def answer(self, fact=None, login_id=LOGIN, **changes):
        """Lets a phone answer, and returns the verdict that the gateway gets; None if it gets none."""
        if fact is None:
            fact = self.fact(phone.Answer(sealing_key=self.sealing_key, **changes))
        before = len(self.verdicts)
        await self.publish(fact, login_id)
        await self.hub.settle()
        return self.verdicts[-1].message if len(self.verdicts) > before else None

    async def retry(self, replica=0):
        """One round of a replica's retries; returns how many checks were tried."""
        tried = await self.replicas[replica].retries.once()
        await self.hub.settle()
        return tried

    def figure(self, name, replica=0, **labels):
        return self.replicas[replica].telemetry.registry.get_sample_value(f"shirushi_{name}", labels) or 0.0


@pytest.fixture
def clock():
    return FixedClock(T0)


@pytest.fixture
async def world(clock):
    made = World(await FakeDeployment(Hour(), clock).start(), clock, Hour())
    yield made
    for bus in made.hub.buses:
        await bus.stop()
