"""Makes the clear collections ready before anything uses them, and takes up the directory that was kept."""

from audit_purge.domain.directory import Directory
from audit_purge.domain.keeper import Keeper
from audit_purge.store.directory import MongoDirectory
from audit_purge.store.ledger import MongoLedger


class PreparedClearStore:
    """A part without a life of its own: it only starts."""

    name = "clear-store"

    def __init__(self, ledger: MongoLedger, kept: MongoDirectory, *, directory: Directory, keeper: Keeper) -> None:
        self._ledger = ledger
        self._kept = kept
        self._directory = directory
        self._keeper = keeper

    async def start(self) -> None:
        """Makes the indexes and loads the directory; raises Unavailable while the database is away."""
        await self._ledger.prepare()
        await self._kept.prepare()
        self._directory.restore(await self._kept.load(self._keeper.open_epochs().start))

    async def stop(self) -> None:
        """Nothing is held."""
