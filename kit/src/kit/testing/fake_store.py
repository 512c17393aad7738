"""Sealed documents in memory, under the same contract as MongoDB (tests/contract/kit)."""

from dataclasses import dataclass, replace

from kit.clock import Clock
from kit.custody import Custody, KeyGone
from kit.errors import Unavailable
from kit.store.document import (
    AlreadyExists,
    Altered,
    Conflict,
    Document,
    associated_data,
    open_content,
    seal_content,
)


@dataclass(slots=True)
class _Row:
    document: Document
    box: bytes


class FakeCollection:
    """See `kit.store.Collection`; `away` makes every call raise Unavailable."""

    def __init__(self, service: str, name: str, custody: Custody, clock: Clock) -> None:
        self.rows: dict[bytes, _Row] = {}
        self.away = False
        self._service = service
        self._name = name
        self._custody = custody
        self._clock = clock

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
        """See `Collection.insert`; waits for nobody."""
        del patience
        self._check()
        document = Document(id_, epoch, state, 0, expires_at, due_at, content)
        box = self._seal(document)
        if self._row(id_) is not None:
            raise AlreadyExists
        self.rows[id_] = _Row(replace(document, content=b""), box)
        return document

    async def get(self, id_: bytes) -> Document | None:
        """See `Collection.get`."""
        self._check()
        row = self._row(id_)
        return None if row is None else self._open(row)

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
        """See `Collection.replace`; waits for nobody."""
        del patience
        self._check()
        changed = replace(
            document,
            state=state,
            content=content,
            revision=document.revision + 1,
            expires_at=document.expires_at if expires_at is None else expires_at,
            due_at=due_at,
        )
        box = self._seal(changed)
        row = self._row(document.id)
        if row is None or row.document.revision != document.revision:
            raise Conflict
        self.rows[document.id] = _Row(replace(changed, content=b""), box)
        return changed

    async def delete(self, id_: bytes) -> bool:
        """See `Collection.delete`."""
        self._check()
        return self.rows.pop(id_, None) is not None

    async def claim_due(
        self, *, states: tuple[str, ...], owner: str, lease_seconds: float, limit: int = 50
    ) -> list[Document]:
        """See `Collection.claim_due`."""
        del owner
        self._check()
        claimed: list[Document] = []
        now = self._clock.now()
        for id_, row in list(self.rows.items()):
            if self._row(id_) is None:
                continue
            due_at = row.document.due_at
            if len(claimed) == limit or due_at is None or due_at > now or row.document.state not in states:
                continue
            row.document = replace(row.document, due_at=now + lease_seconds)
            try:
                claimed.append(self._open(row))
            except (KeyGone, Altered):
                del self.rows[id_]
        return claimed

    async def purge(self, before: float) -> int:
        """See `Collection.purge`."""
        self._check()
        gone = [id_ for id_, row in self.rows.items() if row.document.expires_at <= before]
        for id_ in gone:
            del self.rows[id_]
        return len(gone)

    def _row(self, id_: bytes) -> _Row | None:
        row = self.rows.get(id_)
        return None if row is None or row.document.expires_at <= self._clock.now() else row

    def _check(self) -> None:
        if self.away:
            raise Unavailable("the database does not answer", reason="database_unavailable")

    def _place(self, document: Document) -> bytes:
        return associated_data(self._service, self._name, document.id, document.epoch, document.revision)

    def _seal(self, document: Document) -> bytes:
        return seal_content(self._custody.state_key(document.epoch), document.content, self._place(document))

    def _open(self, row: _Row) -> Document:
        key = self._custody.state_key(row.document.epoch)
        return replace(row.document, content=open_content(key, row.box, self._place(row.document)))


class FakeStore:
    """A database of fake collections."""

    def __init__(self, service: str, custody: Custody, clock: Clock) -> None:
        self._service = service
        self._custody = custody
        self._clock = clock
        self.collections: dict[str, FakeCollection] = {}

    def collection(self, name: str) -> FakeCollection:
        """Returns the collection of that name."""
        if name not in self.collections:
            self.collections[name] = FakeCollection(self._service, name, self._custody, self._clock)
        return self.collections[name]
