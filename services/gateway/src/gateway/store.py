"""Logins and assertion ids in MongoDB: plain values outside, sealed documents inside."""

import hmac

import msgspec
from kit.clock import Clock
from kit.custody import KeyGone
from kit.encoding import length_prefixed
from kit.hour import Hour
from kit.store.document import AlreadyExists, Altered, Collection, Conflict, Document

from gateway.domain.client_assertion import LEEWAY_SECONDS
from gateway.domain.login import Login, State
from gateway.domain.ports import Changed, Gone, Stored
from gateway.recent import RecentLogins

_LEASE_MINUTES = 0.25
_decoder = msgspec.msgpack.Decoder(Login)
_encoder = msgspec.msgpack.Encoder()
_ALL_STATES = tuple(State)


class StoredLogins:
    """See `gateway.domain.ports.Logins`."""

    def __init__(
        self, collection: Collection, *, hour: Hour, instance: str, recent: RecentLogins | None = None
    ) -> None:
        self._collection = collection
        self._hour = hour
        self._instance = instance
        self._recent = recent or RecentLogins()

    async def add(self, login_id: bytes, epoch: int, login: Login, *, due_at: float) -> Stored:
        """Stores a new login."""
        document = await self._collection.insert(
            login_id,
            epoch,
            self._hour.credential_deadline(epoch),
            State.WAITING.value,
            _encoder.encode(login),
            due_at,
        )
        return self._recent.keep(_stored(document, login))

    async def find(self, login_id: bytes, *, fresh: bool = False) -> Stored:
        """Reads a login; raises Gone."""
        if not fresh and (seen := self._recent.get(login_id)) is not None:
            return seen
        try:
            document = await self._collection.get(login_id)
        except (KeyGone, Altered):
            raise Gone from None
        if document is None:
            raise Gone
        return self._recent.keep(_stored(document, _decoder.decode(document.content)))

    async def change(
        self,
        stored: Stored,
        state: State,
        login: Login,
        *,
        due_at: float | None,
        expires_at: float | None = None,
        patience: float = 0.0,
    ) -> Stored:
        """Stores the next state if nobody else has changed the login."""
        if not isinstance(stored.version, Document):
            raise TypeError("not a login of this store")
        # Whether a write that fails was done is unknown: forgotten before, kept after.
        self._recent.forget(stored.login_id)
        try:
            document = await self._collection.replace(
                stored.version,
                state=state.value,
                content=_encoder.encode(login),
                expires_at=expires_at,
                due_at=due_at,
                patience=patience,
            )
        except Conflict:
            raise Changed from None
        except KeyGone:
            raise Gone from None
        return self._recent.keep(_stored(document, login))

    async def take_due(self, limit: int) -> list[Stored]:
        """Takes a lease on due logins."""
        self._recent.forget_old()
        documents = await self._collection.claim_due(
            states=_ALL_STATES,
            owner=self._instance,
            lease_seconds=self._hour.minutes(_LEASE_MINUTES),
            limit=limit,
        )
        return [_stored(document, _decoder.decode(document.content)) for document in documents]

    def forget(self, login_id: bytes) -> None:
        """Takes note that another replica has changed a login."""
        self._recent.forget(login_id)


class AssertionIds:
    """Which client assertions have been used (RFC 7523 §3, jti), as keyed digests with a deadline."""

    def __init__(self, collection: Collection, *, key: bytes, hour: Hour, clock: Clock) -> None:
        self._collection = collection
        self._key = key
        self._hour = hour
        self._clock = clock

    async def take(self, client_id: str, jti: str, expires_at: float) -> bool:
        """Notes an assertion id; returns False when it was used before. Raises Unavailable."""
        place = length_prefixed(b"shirushi jti v1", client_id.encode(), jti.encode())
        now = self._clock.now()
        try:
            await self._collection.insert(
                hmac.digest(self._key, place, "sha256"),
                self._hour.epoch_of(now),
                # As long as the assertion would be taken.
                expires_at + LEEWAY_SECONDS,
                "used",
                b"",
            )
        except AlreadyExists:
            return False
        return True


def _stored(document: Document, login: Login) -> Stored:
    return Stored(document.id, document.epoch, State(document.state), login, document, document.due_at)
