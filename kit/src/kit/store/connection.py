"""The connection to one service's database, which is made anew at times; what is kept of it follows by itself."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, Generic, TypeVar

from pymongo import AsyncMongoClient, WriteConcern
from pymongo.asynchronous.collection import AsyncCollection
from pymongo.asynchronous.database import AsyncDatabase

from kit.settings import ServiceSettings

# A primary that was killed is back within seconds; longer than this a caller should hear about it.
SELECTION_SECONDS = 5.0
CONNECT_SECONDS = 3.0
# One that hangs instead of dying: an operation and its one repetition end within twice this.
SOCKET_SECONDS = 5.0

F = TypeVar("F")
T = TypeVar("T")
Fields = dict[str, Any]


def client_of(uri: str, client_pem: Path | None, ca: Path | None) -> AsyncMongoClient[Fields]:
    """Returns a client for a service's own certificate; nothing is connected before its first use.

    Args:
        uri: connection string without credentials.
        client_pem: key and certificate for X.509; None speaks plain TCP without authentication.
        ca: PEM of the authority that the server's certificate is issued by.
    """
    options: dict[str, Any] = {}
    if client_pem is not None:
        options = {
            "tls": True,
            "tlsCertificateKeyFile": str(client_pem),
            "tlsCAFile": str(ca),
            "authMechanism": "MONGODB-X509",
            "authSource": "$external",
        }
    return AsyncMongoClient(
        uri,
        serverSelectionTimeoutMS=int(SELECTION_SECONDS * 1000),
        connectTimeoutMS=int(CONNECT_SECONDS * 1000),
        socketTimeoutMS=int(SOCKET_SECONDS * 1000),
        # Without it operations would queue for ever behind those that hang.
        waitQueueTimeoutMS=int(2 * SOCKET_SECONDS * 1000),
        maxPoolSize=32,
        tz_aware=True,
        **options,
    )


def client_for(settings: ServiceSettings) -> AsyncMongoClient[Fields]:
    """Returns a client as the settings of a service say."""
    return client_of(settings.mongodb_uri, settings.mongodb_client_pem, settings.tls_ca)


def database_of(client: AsyncMongoClient[Fields], name: str) -> AsyncDatabase[Fields]:
    """Returns a database whose writes are confirmed by a majority."""
    # j stays unset: asking for it by hand makes each write wait for the journal's timer.
    return client.get_database(name, write_concern=WriteConcern(w="majority"))


class Present(Generic[F, T]):
    """Something made of another thing that changes seldom; made anew when that has changed, and only then."""

    __slots__ = ("_made", "_make", "_seen", "_source")

    def __init__(self, source: Callable[[], F], make: Callable[[F], T]) -> None:
        self._source = source
        self._make = make
        self._seen: F | None = None
        self._made: T

    def __call__(self) -> T:
        """Returns what belongs to the source of this moment."""
        source = self._source()
        if source is not self._seen:
            self._made = self._make(source)
            self._seen = source
        return self._made


class PresentCollection:
    """A collection of the present connection, with a collection's own methods; `now` is the collection itself."""

    def __init__(self, database: Callable[[], AsyncDatabase[Fields]], name: str) -> None:
        self.name = name
        self.now: Present[AsyncDatabase[Fields], AsyncCollection[Fields]] = Present(database, lambda found: found[name])

    def __getattr__(self, name: str) -> Any:
        return getattr(self.now(), name)


class PresentDatabase:
    """The database of the present connection."""

    def __init__(self, database: Callable[[], AsyncDatabase[Fields]]) -> None:
        self._database = database

    def __getitem__(self, name: str) -> PresentCollection:
        return PresentCollection(self._database, name)

    def with_options(self, **options: Any) -> "PresentDatabase":
        """Returns the same database with concerns of its own; see PyMongo."""
        return PresentDatabase(Present(self._database, lambda found: found.with_options(**options)))
