"""Real Kafka and MongoDB for tests: TLS, principals, topics and ACLs as in operation, in a directory of their own."""

import asyncio
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import pytest
from kit.hour import Hour
from kit.settings import ServiceSettings
from sandbox.environment import Servers, as_environment, common
from sandbox.mongo import Mongo
from sandbox.pki import Pki
from sandbox.ports import free_ports

from sandbox import pki as sandbox_pki
from sandbox.kafka import Kafka
from tests.support.drilled import Drilled, drilled

S = TypeVar("S", bound=ServiceSettings)


@dataclass(frozen=True)
class RealServers:
    """A running broker and a running mongod. A principal's settings are its own credentials and no other's."""

    pki: Pki
    kafka: Kafka
    mongo: Mongo
    hour: Hour

    @property
    def kafka_bootstrap(self) -> str:
        return self.kafka.bootstrap

    @property
    def mongodb_uri(self) -> str:
        return self.mongo.uri

    def values(self, principal: str, **more: str) -> dict[str, str]:
        """Settings fields of one principal; `more` adds or replaces."""
        servers = Servers(self.kafka.bootstrap, self.mongo.uri)
        fields = common(principal, self.pki, servers)
        return fields | {"instance": "test", "hour_seconds": str(self.hour.seconds), "management_port": "0"} | more

    def settings(self, cls: type[S], principal: str, **more: str) -> S:
        """A settings object of one principal."""
        return cls(**self.values(principal, **more))

    def environment(self, principal: str, **more: str) -> dict[str, str]:
        """The same as environment variables, for a service that runs as a process."""
        return as_environment(self.values(principal, **more))

    def kill_kafka(self) -> None:
        self.kafka.child.kill()

    async def start_kafka(self) -> None:
        """Start the broker again on the same directory and port; returns when it serves."""
        self.kafka.start()
        await self.kafka.ready()

    def kill_mongo(self) -> None:
        self.mongo.child.kill()

    async def start_mongo(self) -> None:
        """Start mongod again on the same directory and port; returns when it is primary."""
        self.mongo.start()
        await self.mongo.ready()


def run(coroutine):
    """Run a coroutine from a synchronous fixture, beside whatever loop the tests have."""
    with asyncio.Runner() as runner:
        return runner.run(coroutine)


def start_servers(directory: Path, hour: Hour) -> RealServers:
    """Start both; the caller stops them with `stop_servers`."""
    pki = sandbox_pki.ensure(directory / "pki")
    kafka_port, controller_port, mongo_port = free_ports(3)
    logs, run_directory = directory / "logs", directory / "run"
    kafka = Kafka(directory / "kafka", run_directory, logs / "kafka.log", pki, kafka_port, controller_port)
    mongo = Mongo(directory / "mongo", run_directory, logs / "mongod.log", pki, mongo_port)
    servers = RealServers(pki, kafka, mongo, hour)
    mongo.prepare(lambda _: None)
    mongo.start()
    try:
        kafka.prepare(lambda _: None)
        kafka.start()
        run(_ready(servers))
        kafka.apply_rights(hour)
    except BaseException:
        stop_servers(servers)
        raise
    return servers


def stop_servers(servers: RealServers) -> None:
    children = [child for child in (servers.kafka.child, servers.mongo.child) if child is not None]
    for child in children:
        child.terminate()
    deadline = time.monotonic() + 8
    for child in children:
        child.wait(deadline)


@pytest.fixture(scope="session")
def real_servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealServers]:
    """One broker and one mongod for the whole run; tests keep apart by login ids and consumer instances."""
    servers = start_servers(tmp_path_factory.mktemp("servers"), Hour())
    yield servers
    stop_servers(servers)


async def _ready(servers: RealServers) -> None:
    await asyncio.gather(servers.kafka.ready(), servers.mongo.ready())


@pytest.fixture(scope="session")
def sandbox_running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Drilled]:
    """A whole sandbox, one replica of everything, for tests that leave it as they found it."""
    with drilled(tmp_path_factory.mktemp("sandbox")) as running:
        yield running
