"""Keeps the first sector of each login, sealed, under an id that is a keyed digest and dies with the epoch."""

import hmac
from typing import Protocol

from kit.crypto import hkdf
from kit.custody import KeyGone
from kit.encoding import length_prefixed
from kit.errors import Code, ShirushiError, Unavailable
from kit.hour import Hour
from kit.store import AlreadyExists, Collection

COLLECTION = "first_sectors"
_STATE = "answered"
# A document can vanish between a lost insert and the read only at its deadline: once more is enough.
_TRIES = 2


class StateKeys(Protocol):
    """The part of kit.custody.Custody that is used here."""

    def state_key(self, epoch: int) -> bytes:
        """Returns the service's state key of an epoch; KeyGone after its deadline."""
        ...


class StoredFirstSectors:
    """First sectors in a sealed collection; of two inserts the store lets one win."""

    def __init__(self, collection: Collection, *, custody: StateKeys, hour: Hour) -> None:
        self._collection = collection
        self._custody = custody
        self._hour = hour

    async def first(self, login_id: bytes, epoch: int, sector: bytes) -> bytes:
        """Keeps `sector` if the login has none yet; returns the one that is kept.

        Raises:
            ShirushiError: FAILED_PRECONDITION `login_expired` when the epoch's keys are gone.
            Unavailable: the database or the epoch's key is not there.
        """
        try:
            document_id = self._id(login_id, epoch)
            for _ in range(_TRIES):
                try:
                    await self._collection.insert(document_id, epoch, self._hour.key_deadline(epoch), _STATE, sector)
                except AlreadyExists:
                    kept = await self._collection.get(document_id)
                    if kept is not None:
                        return kept.content
                else:
                    return sector
        except KeyGone as error:
            raise ShirushiError(
                Code.FAILED_PRECONDITION, "the keys of this login are gone", reason="login_expired"
            ) from error
        raise Unavailable("the first sector of this login could not be read", reason="store_unavailable")

    def _id(self, login_id: bytes, epoch: int) -> bytes:
        """A keyed digest: without the epoch's key nobody ties a document here to the same login elsewhere."""
        key = hkdf(self._custody.state_key(epoch), b"", b"shirushi first sector id v1")
        return hmac.digest(key, length_prefixed(login_id), "sha256")
