"""Keeps challenges in MongoDB: handle, epoch, state and deadline in clear, all else sealed under the epoch's key."""

import asyncio
from collections import OrderedDict

import msgspec
from kit.clock import Clock
from kit.custody import KeyGone
from kit.hour import Hour
from kit.log import get_logger
from kit.store import AlreadyExists, Collection, Conflict, Document
from kit.store.document import Altered

from challenge.domain.challenge import Challenge
from challenge.domain.dispatch import ChangedMeanwhileError, Stored
from challenge.domain.refusals import Refusal, Refused

COLLECTION = "challenges"

_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(Challenge).decode


# What was written here lately, so that the next step of the same phone needs no read first.
_REMEMBERED = 512
_REMEMBERED_MINUTES = 1


class SealedChallenges:
    """The `Challenges` port over one sealed collection."""

    def __init__(self, collection: Collection, *, clock: Clock, hour: Hour) -> None:
        self._collection = collection
        self._clock = clock
        self._seconds = hour.minutes(_REMEMBERED_MINUTES)
        self._recent: OrderedDict[bytes, tuple[float, Stored]] = OrderedDict()

    async def add(self, challenge: Challenge, until: float) -> bool:
        """Store a new challenge; answer False where its handle is taken."""
        try:
            document = await self._collection.insert(
                challenge.handle, challenge.epoch, until, challenge.state.value, _encode(challenge)
            )
        except AlreadyExists:
            return False
        except KeyGone:
            raise Refused(Refusal.CHALLENGE_EXPIRED) from None
        self._remember(Stored(challenge, document))
        return True

    async def find(self, handle: bytes) -> Stored | None:
        """Return the challenge; raises Refused(challenge_expired) where its key is gone."""
        try:
            document = await self._collection.get(handle)
        except KeyGone:
            raise Refused(Refusal.CHALLENGE_EXPIRED) from None
        except Altered:
            # Also what is left of a login whose epoch's secret was lost with all its keepers.
            get_logger().warning("challenge_unreadable")
            raise Refused(Refusal.CHALLENGE_EXPIRED) from None
        return None if document is None else Stored(_decode(document.content), document)

    def recall(self, handle: bytes) -> Stored | None:
        """Return, once, what was written here lately; others may have changed it since."""
        self.forget()
        at_and_stored = self._recent.pop(handle, None)
        return None if at_and_stored is None else at_and_stored[1]

    async def replace(self, stored: Stored, challenge: Challenge, until: float) -> Stored:
        """Store the next state, or raise ChangedMeanwhileError."""
        document = stored.version
        if not isinstance(document, Document):
            raise TypeError("a challenge of another store")
        try:
            written = await self._collection.replace(
                document, state=challenge.state.value, content=_encode(challenge), expires_at=until
            )
        except Conflict:
            raise ChangedMeanwhileError from None
        except KeyGone:
            raise Refused(Refusal.CHALLENGE_EXPIRED) from None
        after = Stored(challenge, written)
        if challenge.answer is None:
            self._remember(after)
        return after

    def forget(self) -> None:
        """Drop what was remembered for too long."""
        before = self._clock.now() - self._seconds
        while self._recent and next(iter(self._recent.values()))[0] < before:
            self._recent.popitem(last=False)

    async def keep_forgetting(self) -> None:
        """Forget on time also while nothing happens."""
        while True:
            await asyncio.sleep(self._seconds / 4)
            self.forget()

    def _remember(self, stored: Stored) -> None:
        handle = stored.challenge.handle
        self._recent[handle] = (self._clock.now(), stored)
        self._recent.move_to_end(handle)
        if len(self._recent) > _REMEMBERED:
            self._recent.popitem(last=False)
