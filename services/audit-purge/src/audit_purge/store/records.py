"""Keeps what is recorded of logins, sealed under the epoch's state key, until that key dies."""

from typing import Any

import msgspec
from kit.hour import Hour
from kit.store import AlreadyExists, Collection

from audit_purge.domain.records import LoginConclusion, LoginRequest

REQUESTS = "requests"
CONCLUSIONS = "conclusions"
_STATE = "recorded"
# A record's own deadline lies so much behind its key's: the deletion that is counted comes first, the database's and
# the store's own are the net below it.
_GRACE_MINUTES = 0.25


class StoredRecords:
    """Two collections with the login id as key: of two inserts the store keeps the first."""

    def __init__(self, requests: Collection, conclusions: Collection, *, hour: Hour) -> None:
        self._requests = requests
        self._conclusions = conclusions
        self._hour = hour

    async def keep_request(self, login_id: bytes, epoch: int, request: LoginRequest) -> bool:
        """See `Records.keep_request`; raises KeyGone when the login's hour is over."""
        return await self._keep(self._requests, login_id, epoch, request)

    async def keep_conclusion(self, login_id: bytes, epoch: int, conclusion: LoginConclusion) -> bool:
        """See `Records.keep_conclusion`; raises KeyGone when the login's hour is over."""
        return await self._keep(self._conclusions, login_id, epoch, conclusion)

    async def read(self, login_id: bytes) -> tuple[LoginRequest | None, LoginConclusion | None]:
        """Reads what is kept of a login; raises KeyGone when its hour is over."""
        request, conclusion = await self._requests.get(login_id), await self._conclusions.get(login_id)
        return (
            msgspec.msgpack.decode(request.content, type=LoginRequest) if request else None,
            msgspec.msgpack.decode(conclusion.content, type=LoginConclusion) if conclusion else None,
        )

    async def delete_epoch(self, epoch: int) -> int:
        """Deletes the records of an epoch and of those before it; returns how many logins were asked for in them.

        Conclusions are deleted as well and not counted: a login would count twice.
        """
        before = self._expires_at(epoch) + self._hour.minutes(_GRACE_MINUTES)
        deleted = await self._requests.purge(before)
        await self._conclusions.purge(before)
        return deleted

    async def _keep(self, collection: Collection, login_id: bytes, epoch: int, record: Any) -> bool:
        try:
            await collection.insert(login_id, epoch, self._expires_at(epoch), _STATE, msgspec.msgpack.encode(record))
        except AlreadyExists:
            return False
        return True

    def _expires_at(self, epoch: int) -> float:
        return self._hour.key_deadline(epoch) + self._hour.minutes(_GRACE_MINUTES)
