"""A whole sandbox for drills: its own state directory and ports, and the means to hurt it."""

import asyncio
import contextlib
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from kit.hour import Hour
from sandbox.instances import SERVICES
from sandbox.pki import Pki
from sandbox.ports import Ports, free_block, free_ports
from sandbox.state import State
from sandbox.supervisor import Supervisor

from sandbox import pki

_NAMED = ("gateway", "challenge", "audit", "phone", "city", "bank", "jlis", "kafka", "kafka_controller", "mongodb")


class Drilled:
    """A running sandbox."""

    def __init__(self, supervisor: Supervisor, addresses: dict[str, Any]) -> None:
        self.supervisor = supervisor
        self.addresses = addresses

    @property
    def pki(self) -> Pki:
        """Every key and certificate of the sandbox."""
        return pki.ensure(self.supervisor.state.pki)

    def crash_at(self, name: str, point: str, marker: Path) -> None:
        """Starts an instance again so that it kills itself when it reaches a point."""
        self.supervisor.terminate(name)
        child = self.supervisor._children[name]
        service = name.rpartition("-")[0].replace("-", "_")
        child.command = (sys.executable, "-m", "tests.support.crash_at", service, point, str(marker))
        self.supervisor.start(name)

    def heal(self, name: str) -> None:
        """Starts an instance as it ships."""
        service = name.rpartition("-")[0].replace("-", "_")
        child = self.supervisor._children[name]
        child.kill()
        child.command = (sys.executable, "-m", service)
        self.supervisor.start(name)

    async def died(self, name: str, seconds: float = 30.0) -> None:
        """Returns when an instance has ended."""
        async with asyncio.timeout(seconds):
            while self.supervisor.pid(name) is not None and self.supervisor._children[name].running:
                await asyncio.sleep(0.02)

    def log(self, name: str) -> str:
        """What an instance has written."""
        return self.supervisor.state.log(name).read_text(errors="replace")


@contextmanager
def drilled(root: Path, *, replicas: int = 1, hour: Hour | None = None) -> Iterator[Drilled]:
    """Starts a sandbox in a directory; stops it at the end, whatever happened."""
    ports = Ports(**dict(zip(_NAMED, free_ports(len(_NAMED)), strict=True)), internal=free_block(40 * len(SERVICES)))
    supervisor = Supervisor(State(root), ports, replicas=replicas, hour=hour or Hour())
    try:
        asyncio.run(supervisor.up())
        yield Drilled(supervisor, supervisor.state.read_addresses())
    finally:
        supervisor.down()
        with contextlib.suppress(OSError):
            supervisor.state.remove()


async def eventually(condition, seconds: float, what: str) -> None:
    """Waits for a condition."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {seconds} s: {what}")
        await asyncio.sleep(0.05)
