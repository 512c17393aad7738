"""Keeps sealing public keys over restarts of audit-purge, so that nobody waits until all have published again."""

from typing import Any

from kit.hour import Hour
from kit.store.collection import date, unavailable_on_failure
from pymongo import ReplaceOne

from audit_purge.domain.directory import SealingStatement
from audit_purge.store.unsealed import ClearDatabase, by_majority


class MongoDirectory:
    """Public keys in the collection `sealing_keys`, by service and epoch; they go with the epoch."""

    def __init__(self, database: ClearDatabase, *, hour: Hour) -> None:
        self._keys = by_majority(database)["sealing_keys"]
        self._hour = hour

    @unavailable_on_failure
    async def prepare(self) -> None:
        """Makes the deadline index."""
        await self._keys.create_index("expires_at", expireAfterSeconds=0)

    @unavailable_on_failure
    async def keep(self, statements: list[SealingStatement]) -> None:
        """Keeps statements; a later one of the same service and epoch takes the place of the earlier."""
        if statements:
            await self._keys.bulk_write(
                [
                    ReplaceOne({"_id": f"{held.service}:{held.epoch}"}, self._document(held), upsert=True)
                    for held in statements
                ],
                ordered=False,
            )

    @unavailable_on_failure
    async def load(self, oldest: int) -> list[SealingStatement]:
        """What was kept for epochs from `oldest` on."""
        return [
            SealingStatement(
                document["service"],
                document["epoch"],
                bytes(document["chain_id"]),
                bytes(document["public_key"]),
                bytes(document["signature"]),
            )
            async for document in self._keys.find({"epoch": {"$gte": oldest}})
        ]

    def _document(self, held: SealingStatement) -> dict[str, Any]:
        return {
            "_id": f"{held.service}:{held.epoch}",
            "service": held.service,
            "epoch": held.epoch,
            "chain_id": held.chain_id,
            "public_key": held.public_key,
            "signature": held.signature,
            "expires_at": date(self._hour.key_deadline(held.epoch)),
        }
