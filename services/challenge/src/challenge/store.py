"""Keeps challenges in MongoDB: handle, epoch, state and deadline in clear, all else sealed under the epoch's key."""

from dataclasses import dataclass

import msgspec
from kit.custody import KeyGone
from kit.log import get_logger
from kit.store import AlreadyExists, Collection, Conflict, Document
from kit.store.document import Altered

from challenge.domain.challenge import Challenge
from challenge.domain.dispatch import ChangedMeanwhileError, Stored
from challenge.domain.refusals import Refusal, Refused

COLLECTION = "challenges"

_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(Challenge).decode


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
        except Altered:
            # Also what is left of a login whose epoch's secret was lost with all its keepers.
            get_logger().warning("challenge_unreadable")
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
