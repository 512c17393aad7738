"""A MongoDB collection of sealed documents."""

from collections.abc import Callable, Coroutine
from datetime import UTC, datetime
from functools import wraps
from typing import Any, ParamSpec, TypeVar

from bson.binary import Binary
from pymongo import ReturnDocument
from pymongo.errors import DuplicateKeyError, OperationFailure, PyMongoError

from kit.clock import Clock
from kit.custody import Custody, KeyGone
from kit.errors import Code, ShirushiError, Unavailable
from kit.store import batches
from kit.store.batches import Batches, Change
from kit.store.connection import PresentCollection
from kit.store.document import (
    AlreadyExists,
    Altered,
    Conflict,
    Document,
    associated_data,
    open_content,
    seal_content,
)

P = ParamSpec("P")
T = TypeVar("T")
_UNAUTHORIZED = 13


def unavailable_on_failure(call: Callable[P, Coroutine[Any, Any, T]]) -> Callable[P, Coroutine[Any, Any, T]]:
    """Turns what the driver raises into Unavailable, or PERMISSION_DENIED; its text may quote documents and is dropped."""

    @wraps(call)
    async def wrapped(*args: P.args, **kwargs: P.kwargs) -> T:
        try:
            return await call(*args, **kwargs)
        except PyMongoError as error:
            if isinstance(error, OperationFailure) and error.code == _UNAUTHORIZED:
                raise ShirushiError(
                    Code.PERMISSION_DENIED, "the database refuses this principal", "database_refused"
                ) from None
            # The cause is kept by type only: its text may hold the document.
            raise Unavailable(
                "the database does not answer", reason=f"database_{type(error).__name__.lower()}"
            ) from None

    return wrapped


class SealedCollection:
    """See `kit.store.Collection`. Fields in clear: `_id`, epoch, expires_at, state, rev, due_at, owner of the lease."""

    def __init__(self, collection: PresentCollection, *, service: str, custody: Custody, clock: Clock) -> None:
        self.name = collection.name
        self._now = collection.now
        self._service = service
        self._custody = custody
        self._clock = clock
        self._inserts: Batches[dict[str, Any]] = Batches(lambda documents: batches.insert(self._now(), documents))
        self._changes: Batches[Change] = Batches(lambda changes: batches.change(self._now(), changes, Conflict))

    @unavailable_on_failure
    async def prepare(self) -> None:
        """Makes the indexes: one for the deadline, one for what falls due."""
        await self._now().create_index("expires_at", expireAfterSeconds=0)
        await self._now().create_index("due_at", sparse=True)

    @unavailable_on_failure
    async def insert(
        self,
        id_: bytes,
        epoch: int,
        expires_at: float,
        state: str,
        content: bytes,
        due_at: float | None = None,
        *,
        patience: float = 0.0,
    ) -> Document:
        """See `Collection.insert`."""
        fields: dict[str, Any] = {
            "_id": Binary(id_),
            "epoch": epoch,
            "expires_at": date(expires_at),
            "state": state,
            "rev": 0,
            "box": Binary(self._seal(id_, epoch, 0, content)),
        }
        if due_at is not None:
            fields["due_at"] = date(due_at)
        try:
            await self._insert(fields, patience)
        except DuplicateKeyError:
            raise AlreadyExists from None
        return Document(id_, epoch, state, 0, expires_at, due_at, content)

    @unavailable_on_failure
    async def get(self, id_: bytes) -> Document | None:
        """See `Collection.get`."""
        fields = await self._now().find_one({"_id": Binary(id_)})
        if fields is None or fields["expires_at"].timestamp() <= self._clock.now():
            return None
        return self._document(fields)

    @unavailable_on_failure
    async def replace(
        self,
        document: Document,
        *,
        state: str,
        content: bytes,
        expires_at: float | None = None,
        due_at: float | None = None,
        patience: float = 0.0,
    ) -> Document:
        """See `Collection.replace`."""
        revision = document.revision + 1
        ends = document.expires_at if expires_at is None else expires_at
        change: dict[str, Any] = {
            "state": state,
            "rev": revision,
            "expires_at": date(ends),
            "box": Binary(self._seal(document.id, document.epoch, revision, content)),
        }
        gone = {"owner": ""}
        if due_at is None:
            gone["due_at"] = ""
        else:
            change["due_at"] = date(due_at)
        if document.expires_at <= self._clock.now():
            raise Conflict
        applied = Change(Binary(document.id), document.revision, {"$set": change, "$unset": gone})
        await self._changes.write(applied, patience=patience)
        return Document(document.id, document.epoch, state, revision, ends, due_at, content)

    @unavailable_on_failure
    async def delete(self, id_: bytes) -> bool:
        """See `Collection.delete`."""
        return (await self._now().delete_one({"_id": Binary(id_)})).deleted_count == 1

    @unavailable_on_failure
    async def claim_due(
        self, *, states: tuple[str, ...], owner: str, lease_seconds: float, limit: int = 50
    ) -> list[Document]:
        """See `Collection.claim_due`."""
        claimed: list[Document] = []
        now = self._clock.now()
        for _ in range(limit):
            fields = await self._now().find_one_and_update(
                {"due_at": {"$lte": date(now)}, "state": {"$in": list(states)}, "expires_at": {"$gt": date(now)}},
                {"$set": {"due_at": date(now + lease_seconds), "owner": owner}},
                return_document=ReturnDocument.AFTER,
            )
            if fields is None:
                break
            try:
                claimed.append(self._document(fields))
            except (KeyGone, Altered):
                await self._now().delete_one({"_id": fields["_id"], "rev": fields["rev"]})
        return claimed

    @unavailable_on_failure
    async def purge(self, before: float) -> int:
        """See `Collection.purge`."""
        return (await self._now().delete_many({"expires_at": {"$lte": date(before)}})).deleted_count

    async def _insert(self, fields: dict[str, Any], patience: float) -> None:
        try:
            await self._inserts.write(fields, patience=patience)
        except DuplicateKeyError:
            # One that has expired and only waits for its deletion is as good as none.
            now = date(self._clock.now())
            gone = await self._now().delete_one({"_id": fields["_id"], "expires_at": {"$lte": now}})
            if gone.deleted_count == 0:
                raise
            await self._now().insert_one(fields)

    def _seal(self, id_: bytes, epoch: int, revision: int, content: bytes) -> bytes:
        place = associated_data(self._service, self.name, id_, epoch, revision)
        return seal_content(self._custody.state_key(epoch), content, place)

    def _document(self, fields: dict[str, Any]) -> Document:
        id_, epoch, revision = bytes(fields["_id"]), int(fields["epoch"]), int(fields["rev"])
        place = associated_data(self._service, self.name, id_, epoch, revision)
        due_at = fields.get("due_at")
        return Document(
            id=id_,
            epoch=epoch,
            state=fields["state"],
            revision=revision,
            expires_at=fields["expires_at"].timestamp(),
            due_at=None if due_at is None else due_at.timestamp(),
            content=open_content(self._custody.state_key(epoch), fields["box"], place),
        )


def date(at: float) -> datetime:
    """Returns Unix seconds as MongoDB's dates, which the deadline indexes need."""
    return datetime.fromtimestamp(at, UTC)
