"""What a stored document is to its service, how its content is sealed, and what every store of documents keeps to."""

import os
import struct
from dataclasses import dataclass, field
from typing import Protocol

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from kit.encoding import length_prefixed

NONCE_BYTES = 12


class AlreadyExists(Exception):
    """A document with this id is there already."""


class Conflict(Exception):
    """Somebody else has changed or deleted the document since it was read."""


class Altered(Exception):
    """A document's content was not sealed for this place: it was altered or moved in the database."""


@dataclass(frozen=True, slots=True)
class Document:
    """A document as it was read; `content` is opened. Times are Unix seconds."""

    id: bytes
    epoch: int
    state: str
    revision: int
    expires_at: float
    due_at: float | None
    content: bytes = field(repr=False)


class Collection(Protocol):
    """Documents about logins, changed by compare-and-set; one past its `expires_at` is as absent.

    A write that nobody waits for may wait `patience` seconds for others to share a command with.
    All calls raise `Unavailable` while the database is away.
    """

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
        """Adds a document at revision 0; raises AlreadyExists, KeyGone."""
        ...

    async def get(self, id_: bytes) -> Document | None:
        """Reads a document; None when there is none. Raises KeyGone when its key is gone."""
        ...

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
        """Changes a document if nobody else has since it was read, and gives up any lease; raises Conflict, KeyGone."""
        ...

    async def delete(self, id_: bytes) -> bool:
        """Deletes a document; False when it was not there."""
        ...

    async def claim_due(
        self, *, states: tuple[str, ...], owner: str, lease_seconds: float, limit: int = 50
    ) -> list[Document]:
        """Takes a lease on documents of these states whose `due_at` has come.

        A lease moves `due_at` on by its length, so that another replica takes over when this one dies. Documents whose
        key is gone are deleted on the way.
        """
        ...

    async def purge(self, before: float) -> int:
        """Deletes what expired before a moment and returns how many."""
        ...


def associated_data(service: str, collection: str, id_: bytes, epoch: int, revision: int) -> bytes:
    """Returns what ties content to its place; a document copied to another id or put back to an older one is refused."""
    return length_prefixed(
        service.encode(), collection.encode(), id_, struct.pack(">I", epoch), struct.pack(">Q", revision)
    )


def seal_content(key: bytes, content: bytes, place: bytes) -> bytes:
    """Returns nonce and AES-256-GCM ciphertext."""
    nonce = os.urandom(NONCE_BYTES)
    return nonce + AESGCM(key).encrypt(nonce, content, place)


def open_content(key: bytes, box: bytes, place: bytes) -> bytes:
    """Opens sealed content.

    Raises:
        Altered: it was not sealed for this place under this key.
    """
    try:
        return AESGCM(key).decrypt(box[:NONCE_BYTES], box[NONCE_BYTES:], place)
    except (InvalidTag, ValueError):
        raise Altered from None
