"""The verifier against the sandbox's own authority, cards, app and responder, which were written without it."""

import time

import pytest
import sandbox.ca
from aiohttp import web
from aiohttp.test_utils import unused_port
from kit.clock import SystemClock
from kit.hour import Hour
from kit.telemetry import Telemetry
from kit.testing.fake_custody import FakeDeployment
from sandbox.ca import authority
from sandbox.ca.profile import Kind
from sandbox.jlis.responder import Mode, Responder
from sandbox.jlis.server import Server
from sandbox.jlis.statuses import Statuses
from shirushi.evidence.v1 import evidence_pb2
from shirushi.verifier.v1 import events_pb2 as pb
from verifier.domain.ocsp import Freshness
from verifier.domain.policies import profiles
from verifier.domain.revocation import Responders
from verifier.domain.subject_handle import SubjectHandles
from verifier.domain.verdict import Rules
from verifier.events.examination import Examination
from verifier.metrics import Metrics
from verifier.peers.ocsp_client import OcspClient
from verifier.trust_anchors import load_attestation_anchors, load_trust_anchors

from sandbox import cards
from tests.support import evidence as phone
from tests.support import jpki

LOGIN = b"L" * 16


@pytest.fixture(scope="session")
def state(tmp_path_factory):
    folder = tmp_path_factory.mktemp("state")
    sandbox.ca.ensure(folder)
    return folder


@pytest.fixture(scope="session")
def instance(state):
    return authority.ensure(state).app_instance


@pytest.fixture
async def jlis(state):
    """The sandbox's responder over a socket."""
    statuses = Statuses(state / "ca" / "issued.json")
    server = Server(Responder(authority.ensure(state), statuses), statuses)
    runner = web.ServerRunner(web.Server(server.handle), shutdown_timeout=0.2)
    await runner.setup()
    port = unused_port()
    await web.TCPSite(runner, "127.0.0.1", port).start()
    server.url = f"http://127.0.0.1:{port}/"
    yield server
    await runner.cleanup()


@pytest.fixture
async def examine(state, instance, jlis):
    """Lets the holder of a test card answer; returns the verdict, or None where the check would wait."""
    deployment = await FakeDeployment(Hour(), SystemClock()).start()
    clock, hour = deployment.clock, deployment.hour
    client = OcspClient(
        responders=Responders(override=jlis.url),
        freshness=Freshness(),
        clock=clock,
        metrics=Metrics(Telemetry("verifier")),
        seconds=0.5,
    )
    await client.start()
    examination = Examination(
        keys=deployment.custodies["verifier"],
        codec=deployment.codecs["verifier"],
        rules=Rules(
            load_trust_anchors(state / "trust", test_mode=True),
            load_attestation_anchors(state / "trust" / "attestation", test_mode=True),
            profiles(test_mode=True),
        ),
        source=client,
        handles=SubjectHandles(bytes(32), test_mode=True),
        clock=clock,
        hour=hour,
    )
    epoch = hour.epoch_of(clock.now())
    sealing_key = deployment.custodies["verifier"].sealing_private(epoch).public_key

    async def examine_(name, kinds=("auth",), **changes):
        chip = cards.load(state, name)
        used = [
            jpki.Card(Kind.SIGN if kind == "sign" else chip.card.kind, credential.key, credential.certificate, None)
            for kind in kinds
            if (credential := chip.signature if kind == "sign" else chip.authentication)
        ]
        evidence = phone.Answer(cards=used, sealing_key=sealing_key, instance=instance, **changes).evidence()
        fact = phone.challenge_answered(evidence, sealing_key, epoch, answered_at_ms=int(time.time() * 1000))
        fact.expires_at = evidence.expires_at
        return await examination.verdict_on(LOGIN, epoch, fact)

    yield examine_
    await client.stop()


@pytest.fixture(autouse=True)
def _challenges_of_today(monkeypatch):
    monkeypatch.setattr(phone, "EXPIRES_AT", int(time.time()) + 240)


OUTCOMES = {
    "hanako": "verified",
    "neighbour": "verified",
    "taro": "verified",
    "minato": "verified",
    "expired": "CERTIFICATE_EXPIRED",
    "revoked": "CERTIFICATE_REVOKED",
    "suspended": "CERTIFICATE_SUSPENDED",
    "wrong-policy": "CERTIFICATE_WRONG_POLICY",
    "locked": "verified",
    "phone": "verified",
    "next-generation": "verified",
    "unchecked": "waits",
}


def outcome_of(verdict):
    if verdict is None:
        return "waits"
    if verdict.HasField("verified"):
        return "verified"
    return pb.Reason.Name(verdict.refused.reason).removeprefix("REASON_")


@pytest.mark.parametrize(("name", "outcome"), OUTCOMES.items())
async def test_each_test_card_ends_as_it_is_meant_to(name, outcome, examine):
    assert outcome_of(await examine(name)) == outcome


def test_every_test_card_has_a_row():
    assert set(OUTCOMES) == set(cards.NAMES)


async def test_a_card_and_a_phone_are_told_apart(examine):
    assert (await examine("hanako")).verified.assurance == pb.ASSURANCE_CARD
    assert (await examine("phone")).verified.assurance == pb.ASSURANCE_PHONE


@pytest.mark.parametrize("name", ["hanako", "next-generation"])
async def test_the_attributes_of_the_signature_certificate_pass(name, examine):
    person = cards.NAMES[name].person
    verdict = await examine(
        name,
        ("auth", "sign"),
        agreed=("name", "address", "birthdate", "gender"),
        source=evidence_pb2.ATTRIBUTES_SOURCE_SIGNATURE_CERTIFICATE,
    )
    attributes = verdict.verified.attributes
    assert (attributes.name, attributes.address) == (person.name, person.address)
    assert (attributes.birthdate, attributes.gender) == (person.birthdate, person.gender)


async def test_a_revoked_signature_certificate_refuses_too(examine):
    verdict = await examine(
        "revoked", ("sign", "auth"), agreed=("name",), source=evidence_pb2.ATTRIBUTES_SOURCE_SIGNATURE_CERTIFICATE
    )
    assert outcome_of(verdict) == "CERTIFICATE_REVOKED"


MODES = {
    Mode.OK: "verified",
    Mode.REVOKED: "CERTIFICATE_REVOKED",
    Mode.SUSPENDED: "CERTIFICATE_SUSPENDED",
    Mode.UNKNOWN: "CERTIFICATE_UNKNOWN",
}


@pytest.mark.parametrize("mode", Mode)
async def test_whatever_the_responder_does_the_outcome_is_definite(mode, examine, jlis):
    jlis.mode, jlis.seconds = mode, 5.0
    verdict = await examine("hanako")
    # Lets whoever hangs go, so that the server can stop.
    jlis.mode = Mode.DEAD
    jlis._changed.set()
    if mode is Mode.NO_RESPONDER:
        # Without its certificate a delegated responder cannot be told from anyone.
        assert outcome_of(verdict) == "waits"
    else:
        assert outcome_of(verdict) == MODES.get(mode, "waits")
