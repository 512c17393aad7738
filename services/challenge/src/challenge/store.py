"""Keeps challenges in MongoDB: handle, epoch, state and deadline in clear, all else sealed under the epoch's key."""

from dataclasses import dataclass
from typing import Protocol

import msgspec
from kit.custody import KeyGone
from kit.store import AlreadyExists, Conflict, Document

from challenge.domain.challenge import Challenge
from challenge.domain.dispatch import ChangedMeanwhileError, Stored
from challenge.domain.refusals import Refusal, Refused

COLLECTION = "challenges"

_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(Challenge).decode


class Collection(Protocol):
    """What is used of kit's sealed collection, or of its in-memory double."""

    async def insert(self, id: bytes, epoch: int, expires_at: float, state: str, content: bytes) -> Document:  # noqa: A002
        """Store a new document."""
        ...

    async def get(self, id: bytes) -> Document | None:  # noqa: A002
        """Return a document."""
        ...

    async def replace(
        self, doc: Document, *, state: str, content: bytes, expires_at: float | None = None
    ) -> Document:
        """Compare-and-set a document."""
        ...


@dataclass(frozen=True, slots=True)
class SealedChallenges:
    """The `Challenges` port over one sealed collection."""

    collection: Collection

    async def add(self, challenge: Challenge, until: float) -> bool:
        """Store a new challenge; answer False where its handle is taken."""
        try:
            await self.collection.insert(
                challenge.handle, challenge.epoch, until, challenge.state.value, _encode(challenge)
            )
        except AlreadyExists:
            return False
        except KeyGone:
            raise Refused(Refusal.CHALLENGE_EXPIRED) from None
        return True

    async def find(self, handle: bytes) -> Stored | None:
        """Return the challenge; raises Refused(challenge_expired) where its key is gone."""
        try:
            document = await self.collection.get(handle)
        except KeyGone:
            raise Refused(Refusal.CHALLENGE_EXPIRED) from None
        return None if document is None else Stored(_decode(document.content), document)

    async def replace(self, stored: Stored, challenge: Challenge, until: float) -> Stored:
        """Store the next state, or raise ChangedMeanwhileError."""
        document = stored.version
        if not isinstance(document, Document):
            raise TypeError("a challenge of another store")
        try:
            written = await self.collection.replace(
                document, state=challenge.state.value, content=_encode(challenge), expires_at=until
            )
        except Conflict:
            raise ChangedMeanwhileError from None
        except KeyGone:
            raise Refused(Refusal.CHALLENGE_EXPIRED) from None
        return Stored(challenge, written)
