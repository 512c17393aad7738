"""Starts everything on one machine in dependency order, and stops it again so that no process is left."""

import asyncio
import contextlib
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, NoReturn
from urllib.parse import parse_qs, urlsplit

from kit.hour import Hour

from sandbox import environment, kafka, kafka_rights, mongo, pki
from sandbox.environment import Servers
from sandbox.external import External
from sandbox.instances import Instance, Plan
from sandbox.kafka import Kafka
from sandbox.mongo import Mongo
from sandbox.pki import Pki
from sandbox.ports import Ports, check_free
from sandbox.process import Child, stop_leftovers, write_own_pid_file
from sandbox.readiness import wait_ready
from sandbox.state import State

Report = Callable[[str], None]

_SERVICE_READY_SECONDS = 60.0
# Ten seconds for everything: first whoever uses the stores, then the stores.
_SERVICES_STOP_SECONDS = 5.0
_STORES_STOP_SECONDS = 9.0


@dataclass
class Supervisor:
    """One running sandbox. Make and use it in the main thread (see `sandbox.process`)."""

    state: State
    ports: Ports
    replicas: int = 1
    hour: Hour = field(default_factory=Hour)
    log_level: str = "info"
    report: Report = lambda _: None
    _children: dict[str, Child] = field(default_factory=dict)
    _instances: dict[str, Instance] = field(default_factory=dict)
    _lock: IO[str] | None = None
    _kafka: Kafka | None = None
    _mongo: Mongo | None = None
    _web_ca: Path = Path()

    async def up(self) -> Plan:
        """Start everything and return when all of it is ready."""
        self.state.make()
        self._lock = self.state.lock()
        write_own_pid_file(self.state.supervisor_pid)
        self._clean_up_after_a_crash()
        keys = pki.ensure(self.state.pki)
        self._web_ca = keys.web_ca
        self._prepare_hour()
        servers = await self._prepare_servers(keys)
        plan = Plan(self.state, keys, self.ports, self.replicas, self.hour, servers, self.log_level)
        clients = await asyncio.to_thread(self._prepare_helpers, plan)
        helpers, services = list(plan.helpers()), list(plan.services(clients))
        self._check_ports(plan, [*helpers, *services])
        await self._start_servers(plan, helpers)
        self.report("starting the five services")
        self._start_front(plan)
        self._launch(services)
        await self._wait([*helpers, *services])
        self.state.ready.touch()
        return plan

    def down(self) -> None:
        """Stop everything within ten seconds."""
        began = time.monotonic()
        self.state.ready.unlink(missing_ok=True)
        stores = {name: child for name, child in self._children.items() if name in ("kafka", "mongod")}
        others = [child for name, child in self._children.items() if name not in stores]
        for child in others:
            child.terminate()
        for child in others:
            child.wait(began + _SERVICES_STOP_SECONDS)
        for child in stores.values():
            child.terminate()
        for child in stores.values():
            child.wait(began + _STORES_STOP_SECONDS)
        if self._lock is not None:
            self.state.forget_hour()
            self.state.supervisor_pid.unlink(missing_ok=True)
            self._lock.close()
            self._lock = None

    @property
    def names(self) -> list[str]:
        """The processes, such as `gateway-0`, `kafka`, `mongod` and `phone`."""
        return list(self._children)

    def pid(self, name: str) -> int | None:
        """The process id while it runs."""
        return self._children[name].pid

    def kill(self, name: str) -> None:
        """Kill -9 one process."""
        self._children[name].kill()

    def terminate(self, name: str) -> None:
        """Ask one process to stop, as an operator would, and return when it has."""
        self._children[name].stop()

    def start(self, name: str) -> None:
        """Start one process again; `ready` waits for it."""
        self._children[name].start()

    async def ready(self, name: str) -> None:
        """Return when this process is ready."""
        if name == "kafka" and self._kafka is not None:
            await self._kafka.ready()
        elif name == "mongod" and self._mongo is not None:
            await self._mongo.ready()
        else:
            child, instance = self._children[name], self._instances[name]
            await wait_ready(child, instance.ready_url, self._web_ca, _SERVICE_READY_SECONDS)

    async def watch(self) -> NoReturn:
        """Say which process ended by itself (none is started again unasked), and restart those that are asked for.

        `shirushi restart NAME` asks by a file, which is removed when the process has been started again.
        """
        ended: set[str] = set()
        while True:
            for name, child in self._children.items():
                request = self.state.restart_request(name)
                if request.exists():
                    self.terminate(name)
                    self.start(name)
                    request.unlink()
                    ended.discard(name)
                elif not child.running and name not in ended:
                    ended.add(name)
                    self.report(f"{name} ended by itself; see {child.log}; `shirushi restart {name}` starts it again")
            await asyncio.sleep(0.2)

    def _clean_up_after_a_crash(self) -> None:
        own = self.state.supervisor_pid.read_text()
        self.state.supervisor_pid.unlink()
        left = stop_leftovers(self.state.run)
        self.state.supervisor_pid.write_text(own)
        if left:
            self.report(f"stopped what an earlier sandbox left: {', '.join(left)}")
        self.state.ready.unlink(missing_ok=True)
        for request in self.state.run.glob("*.restart"):
            request.unlink()
        for log in self.state.logs.glob("*.log"):
            if log.stem != "supervisor":
                log.replace(log.with_suffix(".previous"))

    def _prepare_hour(self) -> None:
        """Epochs count in minutes of the hour: what was stored under another hour means nothing in this one."""
        marker = self.state.root / "hour"
        if marker.exists() and marker.read_text() != str(self.hour.seconds):
            self.report("the hour has another length than last time: starting with empty stores")
            self.state.forget_stores()
            self.state.make()
        marker.write_text(str(self.hour.seconds))

    async def _prepare_servers(self, keys: Pki) -> Servers:
        """Decide whose Kafka and MongoDB are used, and make ready to start those that are ours."""
        external = External()
        bootstrap, uri = external.kafka_bootstrap, external.mongodb_uri
        wanted = [] if bootstrap else [("kafka", self.ports.kafka), ("kafka_controller", self.ports.kafka_controller)]
        wanted += [] if uri else [("mongodb", self.ports.mongodb)]
        check_free(wanted)
        run, root = self.state.run, self.state.root
        if not uri:
            self._mongo = Mongo(root / "mongo", run, self.state.log("mongod"), keys, self.ports.mongodb)
            self._mongo.prepare(self.report)
            uri = self._mongo.uri
        if not bootstrap:
            log = self.state.log("kafka")
            self._kafka = Kafka(root / "kafka", run, log, keys, self.ports.kafka, self.ports.kafka_controller)
            await asyncio.to_thread(self._kafka.prepare, self.report)
            bootstrap = self._kafka.bootstrap
        mongodb_tls = parse_qs(urlsplit(uri).query).get("tls") == ["true"]
        return Servers(bootstrap, uri, external.kafka_tls, mongodb_tls)

    def _prepare_helpers(self, plan: Plan) -> Path:
        """Addresses, the test authority and the relying parties' keys. Returns the gateway's client registry."""
        from sandbox import ca  # noqa: PLC0415 (what only a starting supervisor needs)
        from sandbox.rp import clients  # noqa: PLC0415

        addresses = plan.addresses()
        environment.write_json(self.state.addresses, addresses)
        if not (self.state.root / "trust").exists():
            self.report("making the test authority and its cards")
        ca.ensure(self.state.root)
        return clients.ensure(self.state.root, addresses)

    def _check_ports(self, plan: Plan, instances: Iterable[Instance]) -> None:
        wanted = [port for instance in instances for port in instance.ports]
        if plan.front():
            wanted += [("gateway", self.ports.gateway), ("challenge", self.ports.challenge)]
        check_free(wanted)

    async def _start_servers(self, plan: Plan, helpers: list[Instance]) -> None:
        self.report("starting Kafka and MongoDB")
        waits = []
        for name, server in (("mongod", self._mongo), ("kafka", self._kafka)):
            if server is not None and server.child is not None:
                server.start()
                self._children[name] = server.child
                waits.append(server.ready())
        # The helpers need neither, and load while the two start.
        self._launch(helpers)
        await asyncio.gather(*waits)
        await asyncio.to_thread(self._apply_rights, plan)

    def _apply_rights(self, plan: Plan) -> None:
        """Topics and ACLs; the users of our own mongod are made while it becomes ready."""
        servers = plan.servers
        if self._kafka is not None:
            self._kafka.apply_rights(self.hour)
        else:
            admin = kafka.admin_client(servers.kafka_bootstrap, plan.pki, tls=servers.kafka_tls)
            kafka_rights.apply_rights(admin, self.hour, with_acls=servers.kafka_tls)
        if self._mongo is None and servers.mongodb_tls:
            with mongo.admin_client(servers.mongodb_uri, plan.pki) as client:
                mongo.apply_users(client)

    def _start_front(self, plan: Plan) -> None:
        if command := plan.front():
            front = Child("front", command, self.state.log("front"), self.state.pid_file("front"))
            front.start()
            self._children["front"] = front

    def _launch(self, instances: Iterable[Instance]) -> None:
        for instance in instances:
            environment.write_file(self.state.root / "env" / f"{instance.name}.env", instance.environment)
            log, pid_file = self.state.log(instance.name), self.state.pid_file(instance.name)
            child = Child(instance.name, instance.command, log, pid_file, instance.environment)
            child.start()
            self._children[instance.name], self._instances[instance.name] = child, instance

    async def _wait(self, instances: list[Instance]) -> None:
        """Wait for all at once; the first that fails ends the wait."""
        missing = {instance.name for instance in instances}

        async def wait(instance: Instance) -> None:
            await self.ready(instance.name)
            missing.discard(instance.name)
            if missing:
                self.report(f"waiting for {', '.join(sorted(missing))}")

        tasks = [asyncio.ensure_future(wait(instance)) for instance in instances]
        try:
            await asyncio.gather(*tasks)
        finally:
            for task in tasks:
                task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await asyncio.gather(*tasks, return_exceptions=True)
