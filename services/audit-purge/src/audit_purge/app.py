"""Puts audit-purge together; read top to bottom. Parts start in this order and stop in reverse."""

import secrets
import sys
from collections.abc import Mapping
from functools import partial
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from google.protobuf.message import Message
from kit.bus import Bus
from kit.clock import SystemClock
from kit.custody import sealing_statement_message
from kit.events import EventCodec
from kit.foundation import lay
from kit.http import BodyLimit, HttpServer, SecurityHeaders
from kit.rpc import serve
from kit.runtime import Part, Task, run
from kit.settings import parse_or_exit
from shirushi.audit_purge.v1.custody_pb2_grpc import add_CustodyServiceServicer_to_server
from shirushi.bus.v1 import envelope_pb2 as bus_pb
from shirushi.gateway.v1.events_pb2 import LoginConcluded, LoginRequested
from shirushi.rights import RPC_CALLERS

from audit_purge.desk import Desk, OwnShares
from audit_purge.domain.directory import Directory, SealingStatement
from audit_purge.domain.keeper import Keeper
from audit_purge.events import BusAnnouncer, Recorder
from audit_purge.metrics import Metrics
from audit_purge.purge import Purge
from audit_purge.registration import Registration
from audit_purge.rpc import CustodyService
from audit_purge.settings import Settings
from audit_purge.state import MemoryBackedState, StateDirectoryError, swap_is_on
from audit_purge.store.directory import MongoDirectory
from audit_purge.store.ledger import MongoLedger
from audit_purge.store.prepared import PreparedClearStore
from audit_purge.store.records import CONCLUSIONS, REQUESTS, StoredRecords
from audit_purge.store.registry import LEASE_SECONDS, MongoRegistry
from audit_purge.topics import KafkaTopics, payload_topics
from audit_purge.web import application
from kit import crypto, log

SERVICE = "audit-purge"
_MAX_BODY_BYTES = 1024
# Half a second of an hour of 3600.
_GATHER_MINUTES = 1 / 120


def build(settings: Settings, keeper: Keeper) -> list[Part]:
    """Makes the parts; nothing is connected before they start."""
    # The desk is made below: it keeps its directory in the store, whose keys come from here.
    base = lay(settings, SERVICE, source=OwnShares(lambda: desk, SERVICE))
    clock, hour, health, store = base.clock, base.hour, base.health, base.store
    metrics = Metrics(base.telemetry)
    metrics.swap(on=swap_is_on())
    ledger = MongoLedger(
        store.present(), sign=partial(signed_receipt, base.codec), clock=clock, days=settings.receipt_days
    )
    kept_directory = MongoDirectory(store.present(), hour=hour)
    records = StoredRecords(store.collection(REQUESTS), store.collection(CONCLUSIONS), hour=hour)

    directory = Directory(partial(statement_is_signed, base.signers))
    registry = MongoRegistry(store.present(), instance=settings.instance, clock=clock)
    registration = Registration(keeper, registry, health, lease_seconds=LEASE_SECONDS)
    desk = Desk(keeper=keeper, is_keeper=registration.is_keeper, directory=directory, kept=kept_directory)
    rpc = serve(
        settings.rpc_host,
        settings.rpc_port,
        base.tls,
        [partial(add_CustodyServiceServicer_to_server, CustodyService(desk, metrics))],
        RPC_CALLERS,
    )

    # Records are for the hour: nobody waits for one.
    bus = Bus(settings, base.codec, base.telemetry, health, gather_seconds=hour.minutes(_GATHER_MINUTES))
    recorder = Recorder(records, metrics.fact)
    bus.subscribe(LoginRequested, recorder.login_requested)
    bus.subscribe(LoginConcluded, recorder.login_concluded)

    topics = KafkaTopics(
        settings.kafka_bootstrap, payload_topics(), clock=clock, tls=base.tls if settings.kafka_tls else None
    )
    purge = Purge(
        keeper=keeper,
        hour=hour,
        clock=clock,
        records=records,
        ledger=ledger,
        announcer=BusAnnouncer(bus),
        topics=topics,
        gauges=metrics,
        progress=health.progress,
    )
    auditors = HttpServer(
        SecurityHeaders(BodyLimit(application(ledger, keeper, registration.is_keeper), _MAX_BODY_BYTES)),
        settings.public_host,
        settings.public_port,
        settings.public_tls_certificate,
        settings.public_tls_key,
        name="auditors",
    )
    return [
        base.management,
        # First, since it needs nothing: keys are destroyed on time while everything else is still waited for.
        Task("destroy-keys", purge.destroy_keys_forever),
        PreparedClearStore(ledger, kept_directory, directory=directory, keeper=keeper),
        registration,
        # Before Kafka, since every other service waits for its shares.
        rpc,
        base.custody,
        base.readiness,
        store,
        auditors,
        topics,
        Task("purge-topics", purge.purge_topics_forever),
        Task("write-receipts", purge.write_receipts_forever),
        bus,
    ]


async def signed_receipt(codec: EventCodec, epoch: int, receipt: Message) -> bytes:
    """Puts a receipt into the envelope that auditors check; it is open and concerns no login."""
    return await codec.seal(bus_pb.EVENT_TYPE_PURGE_RECEIPT, b"", epoch, receipt)


def statement_is_signed(signers: Mapping[str, tuple[Ed25519PublicKey, ...]], statement: SealingStatement) -> bool:
    """Whether a sealing key was signed by the service that it names."""
    message = sealing_statement_message(statement.service, statement.epoch, statement.chain_id, statement.public_key)
    try:
        crypto.verify(signers.get(statement.service, ()), statement.signature, message)
    except crypto.SignatureInvalid:
        return False
    return True


def main() -> None:
    """Reads the settings, takes up the chain of secrets and runs the service until it is told to stop."""
    settings = parse_or_exit(Settings)
    log.configure(SERVICE, settings.log_level, settings.instance)
    try:
        state = MemoryBackedState(Path(settings.state_dir), any_file_system=settings.state_on_any_file_system)
    except StateDirectoryError as error:
        sys.stderr.write(f"{error}\n")
        raise SystemExit(2) from None
    keeper = Keeper(settings.hour, SystemClock(), state, secrets.token_bytes)
    if swap_is_on():
        log.get_logger().warning("swap_is_on")
    log.get_logger().info(
        "chain_begun" if keeper.is_new else "chain_taken_up",
        chain_id=keeper.chain_id.hex(),
        first_epoch=keeper.first_epoch,
    )
    run(lambda: build(settings, keeper), drain_seconds=settings.drain_seconds)
