"""Puts pseudonym together; read top to bottom. Parts start in this order and stop in reverse."""

from functools import partial

from kit.clock import SystemClock
from kit.crypto import load_signing_key
from kit.custody import Custody
from kit.custody_client import RpcShareSource
from kit.events import EventCodec
from kit.management import Health, ManagementServer, follow_keys
from kit.rpc import TlsFiles, channel, serve
from kit.runtime import Part, Task, run
from kit.settings import parse_or_exit, read_secret, read_signers
from kit.store import Store
from kit.telemetry import Telemetry
from shirushi.pseudonym.v1.pseudonym_pb2_grpc import add_PseudonymServiceServicer_to_server
from shirushi.rights import PRINCIPALS, RPC_CALLERS

from kit import log
from pseudonym.domain.pairwise_sub import PairwiseKeys
from pseudonym.metrics import Metrics
from pseudonym.rpc import PseudonymService
from pseudonym.settings import Settings, read_pairwise_keys
from pseudonym.store import COLLECTION, StoredFirstSectors
from pseudonym.subjects import SealedSubjects

SERVICE = "pseudonym"


def build(settings: Settings, keys: PairwiseKeys) -> list[Part]:
    """Makes the parts; nothing is connected before they start."""
    clock = SystemClock()
    tls = TlsFiles.of(settings)
    telemetry = Telemetry(SERVICE, settings.otlp_endpoint, ratio=settings.trace_ratio)
    health = Health()
    signing_key = load_signing_key(settings.signing_key)
    signers = read_signers(settings.signers)

    audit_purge = channel(settings.audit_purge_target, tls, server_name="audit-purge")
    custody = Custody(
        service=SERVICE,
        secret=read_secret(settings.service_secret),
        signing_key=signing_key,
        signers=signers,
        hour=settings.hour,
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
    service = PseudonymService(
        keys=keys,
        subjects=SealedSubjects(codec),
        sectors=StoredFirstSectors(store.collection(COLLECTION), custody=custody, hour=settings.hour),
        metrics=Metrics(telemetry),
    )
    rpc = serve(
        settings.rpc_host,
        settings.rpc_port,
        tls,
        [partial(add_PseudonymServiceServicer_to_server, service)],
        RPC_CALLERS,
    )
    return [
        ManagementServer(settings.management_host, settings.management_port, telemetry, health),
        audit_purge,
        custody,
        Task("readiness", partial(follow_keys, lambda: custody.ready, health)),
        store,
        rpc,
    ]


def main() -> None:
    """Reads the settings and runs the service until it is told to stop."""
    settings = parse_or_exit(Settings)
    log.configure(SERVICE, settings.log_level, settings.instance)
    keys = read_pairwise_keys(settings.pairwise_keys)
    log.get_logger().info("pairwise_keys_read", versions=keys.versions)
    run(lambda: build(settings, keys), drain_seconds=settings.drain_seconds)
