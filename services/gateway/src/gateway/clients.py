"""The registry of relying parties: a file in the sandbox, MongoDB in operation; read whole and kept in memory."""

import asyncio
import contextlib
from pathlib import Path
from typing import Any, Protocol

import yaml
from kit.errors import ShirushiError, Unavailable
from kit.log import get_logger
from kit.store.collection import unavailable_on_failure
from kit.store.connection import PresentCollection
from pymongo.asynchronous.collection import AsyncCollection

from gateway.domain.client import Client, RegistrationError, client_from

MAX_FILE_BYTES = 16 * 1024 * 1024
REFRESH_SECONDS = 5.0
_log = get_logger()


class Registrations(Protocol):
    """Where registrations come from."""

    async def read(self) -> list[dict[str, Any]]:
        """Returns every registration; raises Unavailable."""
        ...


class FileRegistrations:
    """A YAML or JSON file: a list, or an object with the list under `clients`."""

    def __init__(self, path: Path) -> None:
        self._path = path
        # Parsing YAML takes long enough to be seen beside logins, and the file hardly ever changes.
        self._seen: tuple[int, int, int] | None = None
        self._entries: list[dict[str, Any]] = []

    async def read(self) -> list[dict[str, Any]]:
        """Reads the file if it has changed; raises Unavailable when it cannot be read or is none."""
        try:
            status = self._path.stat()
            seen = (status.st_ino, status.st_mtime_ns, status.st_size)
            if seen == self._seen:
                return self._entries
            if status.st_size > MAX_FILE_BYTES:
                raise Unavailable("the client registry is too large", reason="clients_unreadable")
            content = yaml.safe_load(self._path.read_text())
        except (OSError, yaml.YAMLError, ValueError, RecursionError) as error:
            raise Unavailable("the client registry cannot be read", reason="clients_unreadable") from error
        entries = content.get("clients") if isinstance(content, dict) else content
        if not isinstance(entries, list):
            raise Unavailable("the client registry holds no list of clients", reason="clients_unreadable")
        self._seen, self._entries = seen, entries
        return entries


class MongoRegistrations:
    """The collection `clients`, kept by `gateway clients add` and `remove`."""

    def __init__(self, collection: AsyncCollection[dict[str, Any]] | PresentCollection) -> None:
        self._collection = collection

    @unavailable_on_failure
    async def read(self) -> list[dict[str, Any]]:
        """Reads all registrations; raises Unavailable, or PERMISSION_DENIED where the principal is another's."""
        return [document async for document in self._collection.find({}, {"_id": 0})]

    @unavailable_on_failure
    async def add(self, registration: dict[str, Any]) -> Client:
        """Checks and stores a registration, in place of an earlier one of the same client."""
        client = client_from(registration)
        await self._collection.replace_one({"_id": client.client_id}, dict(registration), upsert=True)
        return client

    @unavailable_on_failure
    async def remove(self, client_id: str) -> bool:
        """Removes a registration; False when there was none."""
        return (await self._collection.delete_one({"_id": client_id})).deleted_count == 1


class ClientRegistry:
    """Every registered client by id; a runtime part that reads again every few seconds."""

    name = "clients"

    def __init__(self, registrations: Registrations) -> None:
        self._registrations = registrations
        self._clients: dict[str, Client] = {}
        self._refused: set[str] = set()
        self._loop: asyncio.Task[None] | None = None

    def find(self, client_id: str) -> Client | None:
        """Returns a client, or None when nobody is registered under that id."""
        return self._clients.get(client_id)

    async def start(self) -> None:
        """Reads the registry; raises Unavailable while it cannot be read."""
        await self.refresh()
        self._loop = asyncio.create_task(self._refresh_forever(), name="clients")

    async def stop(self) -> None:
        """Stops reading."""
        if self._loop is not None:
            self._loop.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._loop

    async def refresh(self) -> None:
        """Reads all registrations; one that breaks a rule is left out and named in the log, the others serve."""
        clients: dict[str, Client] = {}
        for registration in await self._registrations.read():
            try:
                client = client_from(registration)
            except RegistrationError as error:
                if str(error) not in self._refused:
                    self._refused.add(str(error))
                    _log.error("client_registration_refused", rule=str(error))
                continue
            clients[client.client_id] = client
        self._clients = clients

    async def _refresh_forever(self) -> None:
        while True:
            await asyncio.sleep(REFRESH_SECONDS)
            try:
                await self.refresh()
            except ShirushiError as error:
                _log.warning("clients_refresh_failed", reason=error.reason)
            except Exception as error:  # noqa: BLE001 - the registry of before serves on, and the next look may succeed
                _log.error("clients_refresh_failed", reason="unexpected", error=type(error).__name__)
