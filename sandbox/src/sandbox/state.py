"""Where a sandbox keeps its things: a git-ignored folder of the checkout, and memory for what must die with the hour."""

import fcntl
import hashlib
import json
import os
import shutil
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

CHECKOUT = Path(__file__).resolve().parents[3]


class AlreadyRunning(Exception):
    """Another supervisor holds this state directory."""


@dataclass(frozen=True)
class State:
    """The paths of one sandbox."""

    root: Path

    @classmethod
    def default(cls) -> "State":
        """`SHIRUSHI_SANDBOX_STATE`, else `.sandbox/` in the checkout."""
        return cls(Path(os.environ.get("SHIRUSHI_SANDBOX_STATE") or CHECKOUT / ".sandbox").resolve())

    @property
    def pki(self) -> Path:
        """Keys and certificates."""
        return self.root / "pki"

    @property
    def logs(self) -> Path:
        """One log a process."""
        return self.root / "logs"

    @property
    def run(self) -> Path:
        """Pid files and addresses of what runs now."""
        return self.root / "run"

    @property
    def addresses(self) -> Path:
        """Where everything listens, for the helper processes, the driver and tests."""
        return self.run / "addresses.json"

    @property
    def ready(self) -> Path:
        """Exists while everything is up."""
        return self.run / "ready"

    @property
    def supervisor_pid(self) -> Path:
        """Names the supervisor process."""
        return self.run / "supervisor.pid"

    @property
    def deadline(self) -> Path:
        """Memory-backed: the deadline secrets must never reach a disk."""
        memory = Path(os.environ.get("XDG_RUNTIME_DIR") or "/dev/shm")  # noqa: S108 (memory is the point)
        name = hashlib.sha256(str(self.root).encode()).hexdigest()[:16]
        return memory / f"shirushi-{name}"

    def log(self, name: str) -> Path:
        """The log of a process."""
        return self.logs / f"{name}.log"

    def pid_file(self, name: str) -> Path:
        """The pid file of a process."""
        return self.run / f"{name}.pid"

    def restart_request(self, name: str) -> Path:
        """Exists while somebody waits for the supervisor to restart a process."""
        return self.run / f"{name}.restart"

    def make(self) -> None:
        """Make the directories."""
        for directory in (self.root, self.logs, self.run, self.deadline):
            directory.mkdir(parents=True, exist_ok=True, mode=0o700)

    def lock(self) -> IO[str]:
        """Hold this state directory for as long as the returned file is open.

        Raises `AlreadyRunning`. The kernel lets go when the process ends, however it ends.
        """
        file = (self.run / "lock").open("w")
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            file.close()
            raise AlreadyRunning("this sandbox is already running; `shirushi status` shows it") from None
        return file

    def read_addresses(self) -> dict[str, Any]:
        """Where everything listens; empty if nothing was ever started."""
        if not self.addresses.exists():
            return {}
        found: dict[str, Any] = json.loads(self.addresses.read_text())
        return found

    def forget_hour(self) -> None:
        """Overwrite and remove the deadline secrets: once nothing runs, nothing else destroys them on time."""
        for file in self.deadline.glob("*") if self.deadline.exists() else ():
            with suppress(OSError), file.open("r+b") as held:
                held.write(bytes(file.stat().st_size))
        shutil.rmtree(self.deadline, ignore_errors=True)

    def forget_stores(self) -> None:
        """Remove what the stores hold and the keys of the hour; certificates and settings stay."""
        self.forget_hour()
        for directory in (self.root / "kafka", self.root / "mongo"):
            shutil.rmtree(directory, ignore_errors=True)

    def remove(self) -> None:
        """Remove everything of this sandbox."""
        self.forget_hour()
        shutil.rmtree(self.root, ignore_errors=True)
