"""Puts the verifier together; read top to bottom. Parts start in this order and stop in reverse."""

import sys
from functools import partial

from cryptography import x509
from kit.bus import Bus
from kit.clock import SystemClock
from kit.crypto import load_signing_key
from kit.custody import Custody
from kit.custody_client import RpcShareSource
from kit.events import EventCodec
from kit.management import Health, ManagementServer, follow_keys
from kit.rpc import TlsFiles, channel
from kit.runtime import Part, Task, run
from kit.settings import parse_or_exit, read_secret, read_signers
from kit.store import Store
from kit.telemetry import Telemetry
from shirushi.challenge.v1.events_pb2 import ChallengeAnswered
from shirushi.rights import PRINCIPALS

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
    clock, hour = SystemClock(), settings.hour
    tls = TlsFiles.of(settings)
    telemetry = Telemetry(SERVICE, settings.otlp_endpoint, ratio=settings.trace_ratio)
    metrics, health = Metrics(telemetry), Health()
    signing_key, signers = load_signing_key(settings.signing_key), read_signers(settings.signers)

    audit_purge = channel(settings.audit_purge_target, tls, server_name="audit-purge")
    custody = Custody(
        service=SERVICE,
        secret=read_secret(settings.service_secret),
        signing_key=signing_key,
        signers=signers,
        hour=hour,
        clock=clock,
        source=RpcShareSource(audit_purge),
        receives=True,
    )
    store = Store(
        uri=settings.mongodb_uri,
        client_pem=settings.mongodb_client_pem,
        ca=settings.tls_ca,
        database=PRINCIPALS[SERVICE].database,
        service=SERVICE,
        custody=custody,
        clock=clock,
    )
    codec = EventCodec(service=SERVICE, signing_key=signing_key, signers=signers, custody=custody)
    bus = Bus(settings, codec, telemetry, health)
    ocsp = OcspClient(
        responders=settings.responders,
        freshness=settings.freshness,
        clock=clock,
        metrics=metrics,
        seconds=settings.ocsp_seconds,
    )
    examination = Examination(
        keys=custody,
        codec=codec,
        rules=rules,
        source=ocsp,
        handles=SubjectHandles(read_secret(settings.handle_key), test_mode=settings.test_mode),
        clock=clock,
        hour=hour,
    )
    parked = ParkedChecks(store.collection(COLLECTION), clock=clock, hour=hour, owner=settings.instance)
    verdicts = Verdicts(bus, metrics)
    handler = ChallengeAnsweredHandler(
        examination=examination,
        verdicts=verdicts,
        parked=parked,
        publisher=bus,
        clock=clock,
        metrics=metrics,
        telemetry=telemetry,
    )
    bus.subscribe(ChallengeAnswered, handler)
    retries = Retries(
        parked=parked, examination=examination, verdicts=verdicts, hour=hour, health=health, metrics=metrics
    )
    return [
        ManagementServer(settings.management_host, settings.management_port, telemetry, health),
        audit_purge,
        custody,
        Task("readiness", partial(follow_keys, lambda: custody.ready, health)),
        store,
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
        attestation_anchors=load_attestation_anchors(settings.attestation_anchors),
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
