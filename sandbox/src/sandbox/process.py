"""One child process: started so that it cannot outlive the sandbox, stopped within a bound, found again after a crash."""

import os
import signal
import subprocess
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

_TAIL_LINES = 12
# A supervisor may die before the kernel is told to take its child along; that child finds itself with another parent.
_IF_STILL_ITS_CHILD = '[ "$PPID" = "$0" ] && exec "$@"'


class ProcessDied(Exception):
    """A process ended while it was still being waited for; the text holds the end of its log."""


@dataclass
class Child:
    """A named process with a log and a pid file. Start it from the main thread.

    The kernel kills it when the *thread* that started it ends (PR_SET_PDEATHSIG), which is what ends every child after
    a kill -9 of the supervisor.
    """

    name: str
    command: Sequence[str]
    log: Path
    pid_file: Path
    environment: Mapping[str, str] = field(default_factory=dict)
    directory: Path | None = None
    _process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it; its output is appended to the log. A running one stays.

        Raises:
            RuntimeError: this is not the main thread, so the child would die at a moment that nobody chose.
        """
        if threading.current_thread() is not threading.main_thread():
            raise RuntimeError("a child is started from the main thread, with which it is to die")
        if self.running:
            return
        self.log.parent.mkdir(parents=True, exist_ok=True)
        self.pid_file.parent.mkdir(parents=True, exist_ok=True)
        with self.log.open("ab") as log:
            # setpriv instead of preexec_fn: no Python runs between fork and exec, which would be unsafe beside threads.
            self._process = subprocess.Popen(
                [*_dying_with(os.getpid()), *self.command],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                env={**_inherited(), **self.environment},
                cwd=self.directory,
                start_new_session=True,  # Ctrl-C reaches the supervisor only, which stops the rest in order.
            )
        self.pid_file.write_text(f"{self._process.pid} {_started_at(self._process.pid)}\n")

    @property
    def pid(self) -> int | None:
        """The process id while it runs."""
        return self._process.pid if self._process is not None and self.running else None

    @property
    def running(self) -> bool:
        """Whether it was started and has not ended."""
        return self._process is not None and self._process.poll() is None

    def check_running(self) -> None:
        """Raise `ProcessDied` if it has ended."""
        if self._process is not None and self._process.poll() is not None:
            raise ProcessDied(f"{self.name} ended with {_ending(self._process.returncode)}\n{self.log_tail()}")

    def terminate(self) -> None:
        """Ask it to stop (SIGTERM) and return at once."""
        if self._process is not None and self.running:
            self._process.terminate()

    def kill(self) -> None:
        """Kill it (SIGKILL) and wait until it is gone."""
        if self._process is not None and self.running:
            self._process.kill()
            self._process.wait()
        self.pid_file.unlink(missing_ok=True)

    def wait(self, deadline: float) -> None:
        """Wait until it has ended, at the latest until `deadline` (monotonic seconds), then kill it."""
        if self._process is not None:
            try:
                self._process.wait(max(0.0, deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
        self.pid_file.unlink(missing_ok=True)

    def stop(self, seconds: float = 8.0) -> None:
        """Ask it to stop, and kill it if it has not after `seconds`."""
        self.terminate()
        self.wait(time.monotonic() + seconds)

    def log_tail(self) -> str:
        """The last lines of its log, indented."""
        if not self.log.exists():
            return f"  (no log at {self.log})"
        lines = self.log.read_text(errors="replace").splitlines()[-_TAIL_LINES:]
        return "\n".join([f"  {line}" for line in lines] + [f"  (all of it: {self.log})"])


def stop_leftovers(run_directory: Path) -> list[str]:
    """Kill what an earlier sandbox of this directory left behind, and nothing else; returns the names.

    A pid file names a process by id *and* start time, so a process that got a recycled id is left alone.
    """
    stopped: list[str] = []
    for pid_file in sorted(run_directory.glob("*.pid")):
        found = read_pid_file(pid_file)
        if found is not None:
            os.kill(found, signal.SIGKILL)
            wait_gone(found, 5)
            stopped.append(pid_file.stem)
        pid_file.unlink(missing_ok=True)
    return stopped


def read_pid_file(pid_file: Path) -> int | None:
    """The id of the process that wrote this file, if that very process still runs."""
    try:
        pid_text, started = pid_file.read_text().split()
        pid = int(pid_text)
    except (OSError, ValueError):
        return None
    return pid if _started_at(pid) == started else None


def write_own_pid_file(pid_file: Path) -> None:
    """Name this very process in a pid file."""
    pid_file.parent.mkdir(parents=True, exist_ok=True)
    pid_file.write_text(f"{os.getpid()} {_started_at(os.getpid())}\n")


def _started_at(pid: int) -> str:
    """The kernel's start time of a process in clock ticks since boot, or "" when there is none or only a zombie."""
    try:
        # The command name in field 2 may hold spaces and parentheses; what follows its last parenthesis is fixed.
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return ""
    return "" if fields[0] in "ZX" else fields[19]


def wait_gone(pid: int, seconds: float) -> None:
    """Return when this process has ended, or after `seconds`."""
    deadline, started = time.monotonic() + seconds, _started_at(pid)
    while started and _started_at(pid) == started and time.monotonic() < deadline:
        time.sleep(0.02)


def _dying_with(supervisor: int) -> list[str]:
    """What is put before a command so that it runs no longer than its parent of this id, and not at all without it."""
    return ["setpriv", "--pdeathsig", "KILL", "--", "sh", "-c", _IF_STILL_ITS_CHILD, str(supervisor)]


def _inherited() -> dict[str, str]:
    """What a child may inherit: no setting of this project, so that an env file says everything that holds."""
    return {name: value for name, value in os.environ.items() if not name.startswith(("SHIRUSHI_", "SANDBOX_"))}


def _ending(code: int) -> str:
    return f"signal {signal.Signals(-code).name}" if code < 0 else f"exit code {code}"
