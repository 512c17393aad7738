"""Keeps the checks that wait for a revocation source: sealed documents with a time at which they are due again."""

import random
from dataclasses import dataclass

import msgspec
from google.protobuf.message import DecodeError
from kit.clock import Clock
from kit.hour import Hour
from kit.store import AlreadyExists, Collection, Conflict, Document
from shirushi.challenge.v1 import events_pb2 as challenge_pb

from verifier.domain.deadline import verdict_due

COLLECTION = "parked_checks"
STATE = "parked"
# In minutes of the hour, so that they shrink with it: 2 seconds at first, then doubling up to a minute.
FIRST_PAUSE_MINUTES = 1 / 30
LONGEST_PAUSE_MINUTES = 1.0
# Longer than one try takes, and short enough for a login whose verifier died to go on within fifteen seconds. In a short hour
# or with a slow bus a try may outlive it: then two replicas try, and the gateway keeps the first verdict.
LEASE_SECONDS = 7.0
LEASE_MINUTES = 0.5


class _Content(msgspec.Struct, frozen=True):
    """What is sealed in the document: the event's payload and how often it was tried."""

    answered: bytes
    attempts: int


@dataclass(frozen=True, slots=True, repr=False)
class ParkedCheck:
    """A check that this replica may try now, and for as long as its lease lasts."""

    document: Document
    answered: challenge_pb.ChallengeAnswered
    attempts: int

    @property
    def login_id(self) -> bytes:
        """The login that waits."""
        return self.document.id

    @property
    def epoch(self) -> int:
        """The login's epoch."""
        return self.document.epoch


class ParkedChecks:
    """Parked checks in a sealed collection; the id is the login's, which is random and says nothing."""

    def __init__(self, collection: Collection, *, clock: Clock, hour: Hour, owner: str) -> None:
        self._collection = collection
        self._clock = clock
        self._hour = hour
        self._owner = owner

    async def park(self, login_id: bytes, epoch: int, answered: challenge_pb.ChallengeAnswered) -> None:
        """Keeps a check for later; one that is kept already stays as it is. Raises Unavailable, KeyGone."""
        content = msgspec.msgpack.encode(_Content(answered.SerializeToString(), 1))
        deadline = self._hour.key_deadline(epoch)
        try:
            await self._collection.insert(login_id, epoch, deadline, STATE, content, due_at=self._next_due(epoch, 1))
        except AlreadyExists:
            return

    async def claim(self, limit: int) -> list[ParkedCheck]:
        """Takes a lease on checks that are due; raises Unavailable."""
        lease = min(LEASE_SECONDS, self._hour.minutes(LEASE_MINUTES))
        documents = await self._collection.claim_due(
            states=(STATE,), owner=self._owner, lease_seconds=lease, limit=limit
        )
        return [check for document in documents if (check := _read(document)) is not None]

    async def postpone(self, check: ParkedCheck) -> None:
        """Lets a check wait longer after a try in vain; if another replica has it now, that one decides."""
        content = msgspec.msgpack.encode(_Content(check.answered.SerializeToString(), check.attempts + 1))
        try:
            await self._collection.replace(
                check.document, state=STATE, content=content, due_at=self._next_due(check.epoch, check.attempts + 1)
            )
        except Conflict:
            return

    async def finish(self, check: ParkedCheck) -> None:
        """Forgets a check whose verdict is published; raises Unavailable."""
        await self._collection.delete(check.login_id)

    def _next_due(self, epoch: int, attempts: int) -> float:
        """Returns a jittered, doubling time from now, at the latest when the verdict is due."""
        longest = min(LONGEST_PAUSE_MINUTES, FIRST_PAUSE_MINUTES * 2.0 ** min(attempts - 1, 16))
        pause = self._hour.minutes(random.uniform(longest / 2, longest))  # noqa: S311 - spreads load
        now = self._clock.now()
        due = verdict_due(self._hour, epoch)
        # A try after that time is the last one, whatever it finds: it must not be put off for its own sake.
        return min(now + pause, due) if now < due else now + pause


def _read(document: Document) -> ParkedCheck | None:
    """Decodes a document; one that nobody can read is left to its deadline."""
    try:
        content = msgspec.msgpack.decode(document.content, type=_Content)
        answered = challenge_pb.ChallengeAnswered.FromString(content.answered)
    except (msgspec.MsgspecError, DecodeError):
        return None
    return ParkedCheck(document, answered, content.attempts)
