"""The connection to the service's one database, as a runtime part that also deletes on time."""

import asyncio
from pathlib import Path
from typing import Any, Self

from pymongo import AsyncMongoClient
from pymongo.asynchronous.database import AsyncDatabase
from pymongo.errors import PyMongoError
from shirushi.rights import PRINCIPALS

from kit.clock import Clock
from kit.custody import Custody
from kit.errors import ShirushiError, Unavailable
from kit.log import get_logger
from kit.settings import ServiceSettings
from kit.store.collection import SealedCollection
from kit.store.connection import PresentDatabase, client_of, database_of
from kit.tls import FileWatch

OLD_CLIENT_SECONDS = 10.0
RENEWAL_CHECK_SECONDS = 30.0
_log = get_logger()


class Store:
    """One service's database. `start` connects and makes indexes; raises Unavailable while the database is away.

    Args:
        uri: connection string without credentials.
        client_pem: key and certificate for X.509; None speaks plain TCP without authentication (tests).
        ca: PEM of the authority that the server's certificate is issued by.
        database: the service's one database.
        service: principal name, part of what content is bound to.
        custody: the state keys.
        clock: the time.
    """

    name = "store"

    def __init__(
        self,
        *,
        uri: str,
        client_pem: Path | None,
        ca: Path | None,
        database: str,
        service: str,
        custody: Custody,
        clock: Clock,
    ) -> None:
        self._uri = uri
        self._client_pem = client_pem
        self._ca = ca
        self._database_name = database
        self._service = service
        self._custody = custody
        self._clock = clock
        self._client: AsyncMongoClient[dict[str, Any]] | None = None
        self._database: AsyncDatabase[dict[str, Any]] | None = None
        self._collections: dict[str, SealedCollection] = {}
        self._loops: list[asyncio.Task[None]] = []
        self._renewed = None if client_pem is None else FileWatch(client_pem)

    @classmethod
    def of(cls, settings: ServiceSettings, service: str, custody: Custody, clock: Clock) -> Self:
        """Makes the store of a service, in the database that the rights table gives it."""
        return cls(
            uri=settings.mongodb_uri,
            client_pem=settings.mongodb_client_pem,
            ca=settings.tls_ca,
            database=PRINCIPALS[service].database,
            service=service,
            custody=custody,
            clock=clock,
        )

    def connect(self) -> AsyncDatabase[dict[str, Any]]:
        """Returns the database of this moment; the connection itself is made at first use."""
        if self._database is None:
            self._client = client_of(self._uri, self._client_pem, self._ca)
            self._database = database_of(self._client, self._database_name)
        return self._database

    def present(self) -> PresentDatabase:
        """Returns the database for whoever keeps it: it follows the connection when that is made anew."""
        return PresentDatabase(self.connect)

    def collection(self, name: str) -> SealedCollection:
        """Returns a collection of sealed documents; call it before `start`, which makes its indexes."""
        if name not in self._collections:
            self._collections[name] = SealedCollection(
                self.present()[name], service=self._service, custody=self._custody, clock=self._clock
            )
        return self._collections[name]

    async def start(self) -> None:
        """Connects and makes indexes."""
        try:
            await self.connect().command("ping")
        except PyMongoError as error:
            raise Unavailable(
                "the database does not answer", reason=f"database_{type(error).__name__.lower()}"
            ) from None
        for collection in self._collections.values():
            await collection.prepare()
        self._loops = [
            asyncio.create_task(self._purge_forever(), name="store-purge"),
            asyncio.create_task(self._follow_renewal(), name="store-renewal"),
        ]

    async def stop(self) -> None:
        """Closes the connection."""
        for loop in self._loops:
            loop.cancel()
        await asyncio.gather(*self._loops, return_exceptions=True)
        if self._client is not None:
            await self._client.close()

    async def _follow_renewal(self) -> None:
        """Connects anew when the certificate was renewed: the driver keeps the one it began with for ever."""
        while self._renewed is not None:
            await asyncio.sleep(RENEWAL_CHECK_SECONDS)
            if not self._renewed.changed():
                continue
            try:
                fresh, database = await self._connect_anew()
            except (PyMongoError, OSError, ValueError):
                # Also a file of which only half is written; its text is not shown, it may quote the key.
                _log.warning("store_renewal_failed")
                self._renewed.again()
                continue
            old, self._client, self._database = self._client, fresh, database
            try:
                # What is under way ends over the old connection.
                await asyncio.sleep(OLD_CLIENT_SECONDS)
            finally:
                if old is not None:
                    await old.close()

    async def _connect_anew(self) -> tuple[AsyncMongoClient[dict[str, Any]], AsyncDatabase[dict[str, Any]]]:
        client = client_of(self._uri, self._client_pem, self._ca)
        database = database_of(client, self._database_name)
        try:
            await database.command("ping")
        except BaseException:
            await client.close()
            raise
        return client, database

    async def _purge_forever(self) -> None:
        # MongoDB's own deadline index does the same, but once a minute and without a promise.
        while True:
            await asyncio.sleep(max(1.0, self._custody.hour.epoch_seconds / 2))
            for name, collection in self._collections.items():
                try:
                    deleted = await collection.purge(self._clock.now())
                except ShirushiError as error:
                    _log.warning("purge_waiting", collection=name, reason=error.reason)
                else:
                    if deleted:
                        _log.info("documents_purged", collection=name)
