"""What the command line shows: progress, addresses, processes, cards, logins."""

import asyncio
import os
import statistics
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from rich.console import Console
from rich.status import Status
from rich.table import Table

from sandbox.process import read_pid_file
from sandbox.readiness import get
from sandbox.state import State

if TYPE_CHECKING:
    from sandbox.driver import LoginResult

_PAGE = os.sysconf("SC_PAGE_SIZE")
_READ_ONE_BY_ONE = 5


class Steps:
    """Progress of a start: each step as a line with its time, the one going on as a spinner."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._status: Status | None = None
        self._step = ""
        self._began = self._step_began = time.monotonic()

    def __enter__(self) -> Self:
        if self._console.is_terminal:
            self._status = self._console.status("looking around")
            self._status.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._status is not None:
            self._status.stop()
        if kind is None:
            self._finish()

    def begin(self, step: str) -> None:
        """Say what begins; "waiting for …" only changes the spinner."""
        if step.startswith("waiting"):
            if self._status is not None:
                self._status.update(f"{self._step}: {step}")
            return
        self._finish()
        self._step, self._step_began = step, time.monotonic()
        if self._status is not None:
            self._status.update(step)

    @property
    def seconds(self) -> float:
        """Since the start."""
        return time.monotonic() - self._began

    def _finish(self) -> None:
        if self._step:
            self._console.print(f"  [green]✓[/] {self._step} [dim]{time.monotonic() - self._step_began:.1f} s[/]")
            self._step = ""


def addresses(console: Console, state: State) -> None:
    """Print where everything is and what to try."""
    at = state.read_addresses()
    for name, address, what in (
        ("city", at["city"], "sample relying party: a childcare app"),
        ("bank", at["bank"], "sample relying party: a bank, in another sector"),
        ("phone", at["phone"], "simulated phone with test cards"),
        ("gateway", f"{at['issuer']}/.well-known/openid-configuration", ""),
        ("app API", f"{at['challenge']}/v1/openapi.yaml", "what a phone app speaks"),
        ("auditors", f"{at['audit']}/receipts", "purge receipts; /commitments beside it"),
        ("J-LIS", at["jlis"], "revocation responder; POST /control makes it slow, dead or wrong (sandbox/README.md)"),
        ("logs", str(state.logs), "one file a process"),
    ):
        console.print(f"  [bold]{name:8}[/] [cyan]{address:28}[/] [dim]{what}[/]", soft_wrap=True)
    console.print(
        f"\nTry: open [cyan]{at['city']}[/], press 「マイナンバーカードでログイン」, then テストカードで続ける."
        "\n     or without a browser: [bold].venv/bin/shirushi login --card hanako --rp city[/]"
        f"\nHTTPS: the browser warns until you trust [cyan]{at['ca']}[/] (it can vouch for localhost only);"
        f"\n     for curl: [bold]--cacert {at['ca']}[/]\n",
        soft_wrap=True,
    )


@dataclass(frozen=True)
class Process:
    """One process as `shirushi status` shows it."""

    name: str
    pid: int | None
    ready: str
    memory_mb: float


async def processes(state: State) -> list[Process]:
    """Everything that has a pid file; empty where nothing runs."""
    pids = {file.stem: read_pid_file(file) for file in sorted(state.run.glob("*.pid"))}
    if not any(pids.values()):
        return []
    at = state.read_addresses()
    answers = await asyncio.gather(*(_readiness(name, pid, at) for name, pid in pids.items()))
    return [Process(name, pid, ready, _memory(pid)) for (name, pid), ready in zip(pids.items(), answers, strict=True)]


async def restarted(state: State, name: str, seconds: float) -> str:
    """Wait until the supervisor has restarted a process and it is ready; returns what it is at the end."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if not state.restart_request(name).exists():
            ready = await _readiness(name, read_pid_file(state.pid_file(name)), state.read_addresses())
            if ready in ("ready", "running"):
                return ready
        await asyncio.sleep(0.1)
    return await _readiness(name, read_pid_file(state.pid_file(name)), state.read_addresses())


def process_table(rows: list[Process]) -> Table:
    """The processes as a table."""
    table = Table(box=None, padding=(0, 2))
    for column in ("process", "pid", "state", "memory"):
        table.add_column(column, justify="right" if column in ("pid", "memory") else "left")
    for row in rows:
        colour = "red" if row.pid is None else "green" if row.ready == "ready" else "yellow"
        memory = f"{row.memory_mb:.0f} MB" if row.pid else ""
        table.add_row(row.name, str(row.pid or "-"), f"[{colour}]{row.ready}[/]", memory)
    return table


def card_table() -> Table:
    """The test cards as a table."""
    from sandbox.cards import CARDS  # noqa: PLC0415 (only this command needs them)

    table = Table(box=None, padding=(0, 2))
    for column in ("card", "person", "PIN", "what"):
        table.add_column(column)
    for card in CARDS:
        table.add_row(card.name, card.person.name, card.pin, card.what)
    return table


def logins(console: Console, results: "list[LoginResult]") -> None:
    """One login with each step, many as a summary of steps."""
    if len(results) <= _READ_ONE_BY_ONE:
        for result in results:
            _one_login(console, result)
    else:
        _many_logins(console, results)


def _one_login(console: Console, result: "LoginResult") -> None:
    completed = result.outcome == "completed"
    console.print(f"[{'green' if completed else 'red'}]{result.outcome}[/] at [bold]{result.rp}[/]")
    if result.sub:
        console.print(f"  sub {result.sub}", soft_wrap=True)
    if result.detail and not completed:
        console.print(f"  {result.detail}", markup=False, soft_wrap=True)
    table = Table(box=None, padding=(0, 2), show_header=False)
    table.add_column()
    table.add_column(justify="right")
    for step in result.steps:
        table.add_row(step.name, f"{step.ms:.1f} ms")
    table.add_row("[bold]in all[/]", f"[bold]{sum(step.ms for step in result.steps):.1f} ms[/]")
    console.print(table)


def _many_logins(console: Console, results: "list[LoginResult]") -> None:
    outcomes = Counter(result.outcome for result in results)
    console.print(", ".join(f"{number} {outcome}" for outcome, number in outcomes.most_common()))
    reasons = Counter(result.detail for result in results if result.outcome == "failed")
    for reason, number in reasons.most_common(_READ_ONE_BY_ONE):
        console.print(f"  {number} failed: {reason}", markup=False, soft_wrap=True)
    times: dict[str, list[float]] = {}
    for result in results:
        for step in result.steps:
            times.setdefault(step.name, []).append(step.ms)
        times.setdefault("in all", []).append(sum(step.ms for step in result.steps))
    table = Table(box=None, padding=(0, 2))
    table.add_column("step")
    for column in ("p50", "p95", "worst"):
        table.add_column(column, justify="right")
    in_all = times.pop("in all")
    for name, values in [*times.items(), ("[bold]in all[/]", in_all)]:
        p95 = statistics.quantiles(values, n=20)[-1] if len(values) > 1 else values[0]
        table.add_row(name, *(f"{value:.1f} ms" for value in (statistics.median(values), p95, max(values))))
    console.print(table)


async def _readiness(name: str, pid: int | None, at: dict[str, Any]) -> str:
    if pid is None:
        return "stopped"
    base = at.get("management", {}).get(name)
    if base is not None:
        answer = await get(f"{base}/readyz", Path(at["ca"]))
        return "ready" if answer.status == 200 else f"not ready: {answer.body or 'no answer'}"
    if name in ("jlis", "phone", "city", "bank"):
        return "ready" if (await get(f"{at[name]}/livez", Path(at["ca"]))).status == 200 else "not ready"
    return "running"


def _memory(pid: int | None) -> float:
    try:
        return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * _PAGE / 1e6
    except OSError:
        return 0.0
