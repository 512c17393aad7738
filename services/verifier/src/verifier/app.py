"""Puts the verifier together; read top to bottom. Parts start in this order and stop in reverse."""

import sys
from functools import partial

from cryptography import x509
from kit.bus import Bus
from kit.foundation import lay
from kit.runtime import Part, Task, run
from kit.settings import parse_or_exit, read_secret
from shirushi.challenge.v1.events_pb2 import ChallengeAnswered

from kit import log
from verifier.domain.policies import profiles
from verifier.domain.subject_handle import SubjectHandles
from verifier.domain.verdict import Rules
from verifier.events.challenge_answered import ChallengeAnsweredHandler, Verdicts
from verifier.events.examination import Examination
from verifier.metrics import Metrics
from verifier.peers.ocsp_client import OcspClient
from verifier.retries import Retries
from verifier.settings import Settings
from verifier.store import COLLECTION, ParkedChecks
from verifier.trust_anchors import PERSONS, load_attestation_anchors, load_trust_anchors

SERVICE = "verifier"


def build(settings: Settings, rules: Rules) -> list[Part]:
    """Makes the parts; nothing is connected before they start."""
    base = lay(settings, SERVICE)
    clock, hour, health = base.clock, base.hour, base.health
    metrics = Metrics(base.telemetry)
    bus = Bus(settings, base.codec, base.telemetry, health)
    ocsp = OcspClient(
        responders=settings.responders,
        freshness=settings.freshness,
        clock=clock,
        metrics=metrics,
        seconds=settings.ocsp_seconds,
    )
    examination = Examination(
        keys=base.custody,
        codec=base.codec,
        rules=rules,
        source=ocsp,
        handles=SubjectHandles(read_secret(settings.handle_key), test_mode=settings.test_mode),
        clock=clock,
        hour=hour,
    )
    parked = ParkedChecks(base.store.collection(COLLECTION), clock=clock, hour=hour, owner=settings.instance)
    verdicts = Verdicts(bus, metrics)
    handler = ChallengeAnsweredHandler(
        examination=examination,
        verdicts=verdicts,
        parked=parked,
        publisher=bus,
        clock=clock,
        metrics=metrics,
        telemetry=base.telemetry,
    )
    bus.subscribe(ChallengeAnswered, handler)
    retries = Retries(
        parked=parked, examination=examination, verdicts=verdicts, hour=hour, health=health, metrics=metrics
    )
    return [
        *base.first_parts,
        base.store,
        ocsp,
        bus,
        # After the bus, since it publishes.
        Task("retries", retries.loop),
    ]


def rules_of(settings: Settings) -> Rules:
    """Reads what the deployment trusts and demands.

    Raises:
        ValueError: naming the file and the rule that it breaks.
    """
    anchors = load_trust_anchors(settings.trust_anchors, test_mode=settings.test_mode)
    phone_policy = x509.ObjectIdentifier(settings.phone_policy) if settings.phone_policy else None
    return Rules(
        anchors=anchors,
        attestation_anchors=load_attestation_anchors(settings.attestation_anchors, test_mode=settings.test_mode),
        profiles=profiles(test_mode=settings.test_mode, phone_policy=phone_policy),
    )


def main() -> None:
    """Reads the settings and runs the service until it is told to stop."""
    settings = parse_or_exit(Settings)
    log.configure(SERVICE, settings.log_level, settings.instance)
    try:
        rules = rules_of(settings)
    except ValueError as error:
        sys.stderr.write(f"{error}\n")
        raise SystemExit(2) from None
    log.get_logger().info(
        "trust_anchors_read",
        **{authority.value: len(rules.anchors.of_authority(authority)) for authority in PERSONS},
        attestation=len(rules.attestation_anchors),
        test_mode=settings.test_mode,
    )
    run(partial(build, settings, rules), drain_seconds=settings.drain_seconds)
