"""What only audit-purge can read of a sandbox, read with its own identity, database user and keys."""

import contextlib
import tempfile
from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import bson
from aiokafka import AIOKafkaConsumer
from audit_purge.domain.keeper import Chain
from audit_purge.domain.ratchet import next_secret, share_of
from audit_purge.domain.records import LoginConclusion
from audit_purge.events import conclusion_of
from audit_purge.state import FILE_NAME, MemoryBackedState
from audit_purge.store.records import CONCLUSIONS, REQUESTS, StoredRecords
from kit.clock import SystemClock
from kit.crypto import load_signing_key
from kit.custody import Custody, KeyGone, Shares, ShareSource
from kit.events import EventCodec
from kit.hour import Hour
from kit.settings import read_secret, read_signers
from kit.store.collection import SealedCollection
from kit.store.connection import PresentCollection, client_of, database_of
from kit.tls import TlsFiles, client_context
from sandbox.mongo import admin_client
from shirushi.gateway.v1.events_pb2 import LoginConcluded, LoginRequested
from shirushi.rights import PRINCIPALS

from tests.support.drilled import Drilled

SERVICE = "audit-purge"
_REQUESTED, _CONCLUDED = "shirushi.login.requested.v1", "shirushi.login.concluded.v1"


def saved_chain(sandbox: Drilled) -> Chain:
    """The chain of deadline secrets as it stands in audit-purge's state; a copy is read, the state itself is held."""
    with tempfile.TemporaryDirectory(dir=sandbox.supervisor.state.deadline.parent) as directory:
        copy = Path(directory) / FILE_NAME
        copy.write_bytes((sandbox.supervisor.state.deadline / FILE_NAME).read_bytes())
        state = MemoryBackedState(Path(directory), any_file_system=True)
        try:
            saved = state.load()
        finally:
            state.close()
    assert saved is not None
    return saved[0]


class SavedShares:
    """audit-purge's own shares, as its saved chain gives them; see `kit.custody.ShareSource`."""

    def __init__(self, sandbox: Drilled) -> None:
        self._sandbox = sandbox

    async def shares(self, first_epoch: int, last_epoch: int) -> Shares:
        chain = saved_chain(self._sandbox)
        secret, found = chain.secret, {}
        for epoch in range(chain.epoch, last_epoch + 1):
            if epoch >= first_epoch:
                found[epoch] = share_of(secret, SERVICE)
            secret = next_secret(secret)
        return Shares(chain.chain_id, found)

    async def publish(self, keys: Any) -> None:
        raise AssertionError("nothing is published for a copy")

    async def sealing_keys(self, service: str, first_epoch: int, last_epoch: int) -> Any:
        return []


async def custody_of(sandbox: Drilled, service: str, source: ShareSource, hour: Hour) -> Custody:
    """A custody with a service's own secret, as a restarted process would make it."""
    pki = sandbox.pki
    custody = Custody(
        service=service,
        secret=read_secret(pki.service_secret(service)),
        signing_key=load_signing_key(pki.signing_key(service)),
        signers=read_signers(pki.signers),
        hour=hour,
        clock=SystemClock(),
        source=source,
        receives=False,
    )
    await custody.refresh(whole=True)
    return custody


async def custody_of_audit_purge(sandbox: Drilled, hour: Hour) -> Custody:
    """audit-purge's, whose shares come from its saved chain."""
    return await custody_of(sandbox, SERVICE, SavedShares(sandbox), hour)


@dataclass
class Audited:
    """Logins by id: what the topics say of them, and what is recorded."""

    requested: set[bytes] = field(default_factory=set)
    concluded: dict[bytes, set[LoginConclusion]] = field(default_factory=lambda: defaultdict(set))
    recorded: dict[bytes, LoginConclusion | None] = field(default_factory=dict)


async def audited(sandbox: Drilled, hour: Hour) -> Audited:
    """Reads every request and conclusion that was ever published, and the records of the same logins."""
    custody = await custody_of_audit_purge(sandbox, hour)
    pki = sandbox.pki
    codec = EventCodec(
        service=SERVICE,
        signing_key=load_signing_key(pki.signing_key(SERVICE)),
        signers=read_signers(pki.signers),
        custody=custody,
    )
    found = Audited()
    for value in await _values(sandbox, _REQUESTED):
        found.requested.add(codec.open_(value, LoginRequested).login_id)
    for value in await _values(sandbox, _CONCLUDED):
        event = codec.open_(value, LoginConcluded)
        found.concluded[event.login_id].add(conclusion_of(event.message))
    async with client_of(sandbox.addresses["mongodb"], pki.both(SERVICE), pki.ca) as client:

        def collection(name: str) -> SealedCollection:
            present = PresentCollection(lambda: database_of(client, PRINCIPALS[SERVICE].database), name)
            return SealedCollection(present, service=SERVICE, custody=custody, clock=custody.clock)

        records = StoredRecords(collection(REQUESTS), collection(CONCLUSIONS), hour=hour)
        for login_id in found.requested:
            with contextlib.suppress(KeyGone):
                request, conclusion = await records.read(login_id)
                if request is not None:
                    found.recorded[login_id] = conclusion
    return found


def redemptions(sandbox: Drilled) -> dict[bytes, int]:
    """How often each login became redeemed, from the oplog: a write that leaves the state as it is does not name it."""
    counted: dict[bytes, int] = defaultdict(int)
    client: Any = admin_client(sandbox.addresses["mongodb"], sandbox.pki)
    with client:
        for batch in client.local["oplog.rs"].find_raw_batches({}):
            for entry in bson.decode_iter(batch):
                inner = entry["o"].get("applyOps") if isinstance(entry.get("o"), dict) else None
                for write in inner or [entry]:
                    if write.get("op") == "u" and write["ns"] == f"{PRINCIPALS['gateway'].database}.logins":
                        changed = write["o"].get("diff", {})
                        if "redeemed" in (changed.get("u", {}).get("state"), changed.get("i", {}).get("state")):
                            counted[bytes(write["o2"]["_id"])] += 1
    return dict(counted)


async def _values(sandbox: Drilled, topic: str) -> list[bytes]:
    pki = sandbox.pki
    consumer = AIOKafkaConsumer(
        topic,
        bootstrap_servers=sandbox.addresses["kafka"],
        security_protocol="SSL",
        ssl_context=client_context(TlsFiles(pki.certificate(SERVICE), pki.key(SERVICE), pki.ca)),
        auto_offset_reset="earliest",
        enable_auto_commit=False,
    )
    values: list[bytes] = []
    await consumer.start()
    try:
        ends = await consumer.end_offsets(consumer.assignment())
        assert ends
        while any([await consumer.position(place) < end for place, end in ends.items()]):
            for records in (await consumer.getmany(timeout_ms=500)).values():
                values += [record.value for record in records]
    finally:
        await consumer.stop()
    return values
