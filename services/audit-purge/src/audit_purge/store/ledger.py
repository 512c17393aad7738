"""Keeps purge receipts: the bytes that the chain hashes, and the signed envelope that auditors check."""

from typing import Any, Protocol

from google.protobuf.message import Message
from kit.clock import Clock
from kit.errors import Code, ShirushiError
from kit.store.collection import date, unavailable_on_failure
from pymongo import ASCENDING, DESCENDING
from pymongo.errors import DuplicateKeyError

from audit_purge import receipts
from audit_purge.domain.receipt import GENESIS, Link, Receipt
from audit_purge.store.unsealed import ClearDatabase, by_majority

DAY_SECONDS = 86_400
MAX_PAGE = 100


class Signer(Protocol):
    """Puts a receipt into an envelope signed by this service."""

    async def __call__(self, epoch: int, message: Message, /) -> bytes:
        """Returns the serialized envelope."""
        ...


class MongoLedger:
    """Receipts in the collection `receipts`, by number."""

    def __init__(self, database: ClearDatabase, *, sign: Signer, clock: Clock, days: int) -> None:
        self._receipts = by_majority(database)["receipts"]
        self._sign = sign
        self._clock = clock
        self._days = days

    @unavailable_on_failure
    async def prepare(self) -> None:
        """Makes the indexes: one receipt an epoch of a chain, and the day on which a receipt may go."""
        await self._receipts.create_index([("chain_id", ASCENDING), ("epoch", ASCENDING)], unique=True)
        await self._receipts.create_index("expires_at", expireAfterSeconds=0)
        # Holds what was kept and not announced yet, so it is nearly always empty.
        await self._receipts.create_index(
            [("published", ASCENDING), ("_id", ASCENDING)], partialFilterExpression={"published": False}
        )

    @unavailable_on_failure
    async def last(self) -> Link:
        """Where the chain of receipts ends; its genesis when there is none."""
        found = await self._receipts.find_one({}, {"receipt": True}, sort=[("_id", DESCENDING)])
        return receipts.link_of(found["receipt"]) if found else GENESIS

    @unavailable_on_failure
    async def holds(self, chain_id: bytes, epoch: int) -> bool:
        """Whether this epoch of this chain has its receipt."""
        return await self._receipts.find_one({"chain_id": chain_id, "epoch": epoch}, {"_id": True}) is not None

    @unavailable_on_failure
    async def append(self, receipt: Receipt) -> None:
        """Signs and keeps a receipt; the first to take a number has it.

        Raises:
            ShirushiError: CONFLICT when number or epoch is taken: read the end of the chain again.
        """
        envelope = await self._sign(receipt.epoch, receipts.to_message(receipt))
        document: dict[str, Any] = {
            "_id": receipt.sequence,
            "chain_id": receipt.chain_id,
            "epoch": receipt.epoch,
            "receipt": receipts.to_bytes(receipt),
            "envelope": envelope,
            "published": False,
            "expires_at": date(self._clock.now() + self._days * DAY_SECONDS),
        }
        try:
            await self._receipts.insert_one(document)
        except DuplicateKeyError as error:
            raise ShirushiError(
                Code.CONFLICT, "this receipt's number or epoch is taken", reason="receipt_taken"
            ) from error

    @unavailable_on_failure
    async def unpublished(self) -> list[Receipt]:
        """What is kept and not on the bus yet, oldest first."""
        found = self._receipts.find({"published": False}, {"receipt": True}).sort("_id", ASCENDING).limit(MAX_PAGE)
        return [receipts.from_bytes(document["receipt"]) async for document in found]

    @unavailable_on_failure
    async def mark_published(self, receipt: Receipt) -> None:
        """Notes that a receipt is on the bus."""
        await self._receipts.update_one({"_id": receipt.sequence}, {"$set": {"published": True}})

    @unavailable_on_failure
    async def read(self, sequence: int) -> tuple[Receipt, bytes] | None:
        """A receipt with its signed envelope; nothing when there is none of this number, or not any more."""
        found = await self._receipts.find_one({"_id": sequence})
        return (receipts.from_bytes(found["receipt"]), bytes(found["envelope"])) if found else None

    @unavailable_on_failure
    async def page(self, after: int, limit: int) -> list[tuple[Receipt, bytes]]:
        """Receipts with numbers above `after`, ascending, with their signed envelopes."""
        found = self._receipts.find({"_id": {"$gt": after}}).sort("_id", ASCENDING).limit(min(limit, MAX_PAGE))
        return [(receipts.from_bytes(document["receipt"]), bytes(document["envelope"])) async for document in found]
