"""Puts challenge together; read top to bottom. Parts start in this order and stop in reverse."""

import os
from functools import partial

from kit.bus import Bus
from kit.clock import SystemClock
from kit.crypto import hkdf, load_signing_key
from kit.custody import Custody
from kit.custody_client import RpcShareSource
from kit.events import EventCodec
from kit.http import HttpServer
from kit.management import Health, ManagementServer, follow_keys
from kit.rpc import TlsFiles, channel, serve
from kit.runtime import Part, Task, run
from kit.settings import parse_or_exit, read_secret, read_signers
from kit.store import Store
from kit.telemetry import Telemetry
from shirushi.rights import PRINCIPALS, RPC_CALLERS

from challenge.domain.dispatch import Dispatch, Keys
from challenge.domain.token import QrClock
from challenge.events import BusFacts
from challenge.keys import CustodyKeys
from challenge.metrics import RequestMetrics
from challenge.rpc import add_to
from challenge.settings import Settings
from challenge.store import COLLECTION, SealedChallenges
from challenge.web.edge import app_api
from kit import log

SERVICE = "challenge"


def build(settings: Settings) -> list[Part]:
    """Make the parts; nothing is connected before they start."""
    clock = SystemClock()
    tls = TlsFiles.of(settings)
    telemetry = Telemetry(SERVICE, settings.otlp_endpoint, ratio=settings.trace_ratio)
    health = Health()
    secret = read_secret(settings.service_secret)
    signing_key = load_signing_key(settings.signing_key)
    signers = read_signers(settings.signers)

    audit_purge = channel(settings.audit_purge_target, tls, server_name="audit-purge")
    custody = Custody(
        service=SERVICE,
        secret=secret,
        signing_key=signing_key,
        signers=signers,
        hour=settings.hour,
        clock=clock,
        source=RpcShareSource(audit_purge),
        receives=False,
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
    facts = BusFacts(bus)
    challenges = SealedChallenges(store.collection(COLLECTION), clock=clock, hour=settings.hour)
    dispatch = Dispatch(
        challenges=challenges,
        facts=facts,
        epoch_keys=CustodyKeys(custody),
        keys=Keys(
            handle_key=hkdf(secret, b"", b"shirushi challenge handle v1"),
            network_key=read_secret(settings.network_hint_key),
        ),
        clock=clock,
        hour=settings.hour,
        qr_clock=QrClock(settings.qr_step_seconds),
        random=os.urandom,
    )
    rpc = serve(settings.rpc_host, settings.rpc_port, tls, [partial(add_to, dispatch=dispatch)], RPC_CALLERS)
    public = HttpServer(
        app_api(dispatch, forwarded_hops=settings.forwarded_hops, watch=RequestMetrics(telemetry)),
        settings.public_host,
        settings.public_port,
        settings.public_tls_certificate,
        settings.public_tls_key,
        name="app-api",
    )
    return [
        ManagementServer(settings.management_host, settings.management_port, telemetry, health),
        audit_purge,
        custody,
        Task("readiness", partial(follow_keys, lambda: custody.ready, health)),
        Task("forgetting", challenges.keep_forgetting),
        store,
        bus,
        facts,
        rpc,
        public,
    ]


def main() -> None:
    """Read the settings and run the service until it is told to stop."""
    settings = parse_or_exit(Settings)
    log.configure(SERVICE, settings.log_level, settings.instance)
    run(partial(build, settings), drain_seconds=settings.drain_seconds)
