"""Puts pseudonym together; read top to bottom. Parts start in this order and stop in reverse."""

from functools import partial

from kit.foundation import lay
from kit.rpc import serve
from kit.runtime import Part, run
from kit.settings import parse_or_exit
from shirushi.pseudonym.v1.pseudonym_pb2_grpc import add_PseudonymServiceServicer_to_server
from shirushi.rights import RPC_CALLERS

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
    base = lay(settings, SERVICE)
    service = PseudonymService(
        keys=keys,
        subjects=SealedSubjects(base.codec),
        sectors=StoredFirstSectors(base.store.collection(COLLECTION), custody=base.custody, hour=base.hour),
        metrics=Metrics(base.telemetry),
    )
    rpc = serve(
        settings.rpc_host,
        settings.rpc_port,
        base.tls,
        [partial(add_PseudonymServiceServicer_to_server, service)],
        RPC_CALLERS,
    )
    return [*base.first_parts, base.store, rpc]


def main() -> None:
    """Reads the settings and runs the service until it is told to stop."""
    settings = parse_or_exit(Settings)
    log.configure(SERVICE, settings.log_level, settings.instance)
    keys = read_pairwise_keys(settings.pairwise_keys)
    log.get_logger().info("pairwise_keys_read", versions=keys.versions)
    run(lambda: build(settings, keys), drain_seconds=settings.drain_seconds)
