"""What auditors see, and that they can check it without believing anything but the signature."""

import hashlib
import json

import httpx
import pytest
from audit_purge import receipts
from audit_purge.app import signed_receipt
from audit_purge.domain.receipt import GENESIS, receipt_for
from audit_purge.web import application
from kit.encoding import unb64u
from kit.errors import Unavailable
from kit.events import signature_message
from shirushi.audit_purge.v1.events_pb2 import PurgeReceipt
from shirushi.bus.v1 import envelope_pb2 as bus

from kit import crypto


class RememberedReceipts:
    def __init__(self):
        self.kept = []
        self.failure = None

    async def read(self, sequence):
        if self.failure:
            raise self.failure
        return next((held for held in self.kept if held[0].sequence == sequence), None)

    async def page(self, after, limit):
        if self.failure:
            raise self.failure
        return [held for held in self.kept if held[0].sequence > after][:limit]


@pytest.fixture
async def ledger(keeper, clock, deployment):
    """Three receipts, made as the purge makes them."""
    kept = RememberedReceipts()
    clock.advance(3600 + 120)
    link = GENESIS
    for destroyed in keeper.destroy_due():
        receipt = receipt_for(destroyed, after=link, records_deleted=3, oldest_topic_record_ms=5)
        envelope = await signed_receipt(deployment.codecs["audit-purge"], receipt.epoch, receipts.to_message(receipt))
        kept.kept.append((receipt, envelope))
        link = receipts.link_of(receipts.to_bytes(receipt))
    assert len(kept.kept) == 3
    return kept


@pytest.fixture
async def get(ledger, keeper, registration):
    app = application(ledger, keeper, registration.is_keeper)
    transport = httpx.ASGITransport(app=app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="https://audit") as client:

        async def get_(path, method="GET"):
            return await client.request(method, path)

        yield get_


async def test_an_auditor_can_follow_the_chain_from_its_beginning(get, deployment):
    found = (await get("/receipts")).json()["receipts"]
    assert [receipt["sequence"] for receipt in found] == [1, 2, 3]
    previous = bytes(32)
    for shown in found:
        envelope = bus.Envelope.FromString(unb64u(shown["envelope"], max_bytes=4096))
        crypto.verify(deployment.signers["audit-purge"], envelope.signature, signature_message(envelope))
        opened = deployment.codecs["audit-purge"].open_(envelope.SerializeToString(), PurgeReceipt).message
        assert opened.previous == previous == unb64u(shown["previous"], max_bytes=32)
        assert (opened.sequence, opened.epoch) == (shown["sequence"], shown["epoch"])
        assert shown["records_deleted"] == 10
        previous = hashlib.sha256(envelope.sealed).digest()


async def test_a_receipt_s_commitment_was_public_while_its_epoch_was_open(get, clock, keeper):
    public = {entry["epoch"]: entry["commitment"] for entry in (await get("/commitments")).json()["commitments"]}
    assert list(public) == list(keeper.open_epochs())
    clock.advance(60)
    (destroyed,) = keeper.destroy_due()
    assert unb64u(public[destroyed.epoch], max_bytes=32) == destroyed.commitment


async def test_commitments_name_the_chain(get, keeper):
    answer = (await get("/commitments")).json()
    assert unb64u(answer["chain_id"], max_bytes=16) == keeper.chain_id
    assert answer["first_epoch"] == keeper.first_epoch


async def test_a_replica_without_the_chain_shows_no_commitments(get, registration, registry):
    registry.taken = True
    await registration.renew()
    assert (await get("/commitments")).status_code == 503


async def test_pages_are_followed_by_number(get):
    assert [r["sequence"] for r in (await get("/receipts?after=1&limit=1")).json()["receipts"]] == [2]
    assert (await get("/receipts?after=3")).json() == {"receipts": []}


async def test_one_receipt_is_read_by_its_number(get):
    assert (await get("/receipts/2")).json()["sequence"] == 2
    assert (await get("/receipts/99")).status_code == 404


@pytest.mark.parametrize(
    "path",
    [
        "/receipts?after=-1",
        "/receipts?after=x",
        "/receipts?after=",
        "/receipts?after=1&after=2",
        "/receipts?after=99999999999999999999",
        "/receipts?after=9999999999999999999",
        "/receipts?limit=0",
        "/receipts?limit=101",
        "/receipts?unknown=1",
        "/receipts?after=%EF%BC%91",
        "/receipts?after=%ff",
        "/receipts?x=" + "y" * 300,
        "/receipts/x",
        "/receipts/-1",
        "/receipts/1.5",
        "/receipts/99999999999999999999",
        "/receipts/%00",
    ],
)
async def test_bad_input_is_a_problem_that_repeats_nothing(get, path):
    answer = await get(path)
    assert answer.status_code == 400
    assert answer.headers["content-type"] == "application/problem+json"
    assert set(answer.json()) == {"title", "status"}
    assert "99999" not in answer.text
    assert "yyy" not in answer.text


@pytest.mark.parametrize(
    ("path", "method", "status"), [("/", "GET", 404), ("/receipts", "POST", 405), ("/.env", "GET", 404)]
)
async def test_what_is_not_there_is_a_problem_too(get, path, method, status):
    answer = await get(path, method)
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"


async def test_an_absent_database_is_503_and_a_fault_tells_nothing(get, ledger):
    ledger.failure = Unavailable()
    assert (await get("/receipts")).status_code == 503
    ledger.failure = RuntimeError("a document")
    answer = await get("/receipts/1")
    assert answer.status_code == 500
    assert "document" not in json.dumps(answer.json())
