"""Whole logins at rising concurrency: logins a second, latencies, CPU and memory of each process."""

import argparse
import asyncio
import json
import subprocess
import sys
import time
from dataclasses import dataclass, field
from itertools import cycle
from pathlib import Path

import uvloop
from sandbox.driver import LoginResult, chips, connected
from sandbox.rp.clients import BENCH
from sandbox.state import State

from bench.processes import Usage, cpu_between, snapshot
from bench.report import tables, write

CHECKOUT = Path(__file__).resolve().parents[1]
PAGE = CHECKOUT / "docs" / "benchmarks.md"
SHIRUSHI = Path(sys.executable).with_name("shirushi")
SETTLE_SECONDS = 5.0


@dataclass
class Level:
    """What was measured under one load; times in milliseconds."""

    name: str
    concurrency: int
    seconds: float = 0.0
    whole: list[float] = field(default_factory=list)
    redirect: list[float] = field(default_factory=list)
    failures: dict[str, int] = field(default_factory=dict)
    cpu_ms: dict[str, float] = field(default_factory=dict)
    after: dict[str, Usage] = field(default_factory=dict)

    @property
    def rate(self) -> float:
        """Completed logins a second."""
        return len(self.whole) / self.seconds if self.seconds else 0.0

    def add(self, result: LoginResult) -> None:
        """Counts one login."""
        if result.outcome != "completed":
            why = f"{result.outcome}: {result.detail}"
            self.failures[why] = self.failures.get(why, 0) + 1
            return
        steps = {step.name: step.ms for step in result.steps}
        self.whole.append(sum(steps.values()))
        self.redirect.append(steps["redirect"])


async def closed_loop(login, level, seconds):
    """`level.concurrency` people, each beginning the next login when the last has ended."""
    end = time.perf_counter() + seconds

    async def person():
        while time.perf_counter() < end:
            level.add(await login())

    began = time.perf_counter()
    await asyncio.gather(*(person() for _ in range(level.concurrency)))
    level.seconds = time.perf_counter() - began


async def open_loop(login, level, seconds, rate):
    """Logins begin at a fixed rate whatever becomes of the earlier ones, as people do."""
    began = time.perf_counter()
    running = set()

    async def one():
        level.add(await login())

    for index in range(int(rate * seconds)):
        await asyncio.sleep(max(0.0, began + index / rate - time.perf_counter()))
        task = asyncio.create_task(one())
        running.add(task)
        task.add_done_callback(running.discard)
    level.seconds = time.perf_counter() - began
    await asyncio.gather(*running)


async def measure(level: Level, run: Path, load) -> Level:
    before = snapshot(run)
    await load(level)
    level.after = snapshot(run)
    level.cpu_ms = cpu_between(before, level.after)
    print(line(level), flush=True)
    return level


def line(level: Level) -> str:
    failed = "".join(f"\n    {count} x {why}" for why, count in level.failures.items())
    done = len(level.whole)
    if not done:
        return f"{level.name:>12}: nothing completed{failed}"
    services = sum(
        level.cpu_ms.get(name, 0) for name in ("gateway", "challenge", "verifier", "pseudonym", "audit-purge")
    )
    stores = sum(level.cpu_ms.get(name, 0) for name in ("kafka", "mongod"))
    return (
        f"{level.name:>12}: {level.rate:6.1f} logins/s, {done} done, services {services / done:5.2f} ms, "
        f"stores {stores / done:5.2f} ms, generator {level.cpu_ms['load generator'] / done:5.2f} ms a login{failed}"
    )


async def bench(addresses, options):
    state = Path(addresses["state"])
    run = state / "run"
    before = snapshot(run)
    await asyncio.sleep(SETTLE_SECONDS)
    idle = snapshot(run)
    background = {name: ms / SETTLE_SECONDS / 10 for name, ms in cpu_between(before, idle).items()}
    levels = []
    async with connected(addresses) as driver:
        people = cycle(chips(driver, addresses, None, options.people))

        def login():
            return driver.log_in(next(people), BENCH, options.transport)

        # Caches, key shares and connections are made by the first logins, and the broker's Java compiles what is used
        # much; nobody measures them.
        await measure(Level("warm-up", 16), run, lambda level: closed_loop(login, level, options.warm_up))
        for concurrency in options.levels:
            level = Level(f"{concurrency} at a time", concurrency)
            await measure(level, run, lambda level: closed_loop(login, level, options.seconds))
            levels.append(level)
        half = max(level.rate for level in levels) / 2
        if half > 0:
            level = Level(f"half load, {half:.0f} a second", 0)
            levels.append(await measure(level, run, lambda level: open_loop(login, level, options.seconds * 2, half)))
    return idle, background, levels


def running_addresses():
    """The addresses of a sandbox that is up, or None."""
    state = State.default()
    return json.loads(state.addresses.read_text()) if state.ready.exists() else None


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--levels", type=lambda text: [int(part) for part in text.split(",")], default=[1, 2, 4, 8, 16, 32]
    )
    parser.add_argument("--seconds", type=float, default=8.0, help="of each level")
    parser.add_argument("--warm-up", type=float, default=30.0, help="seconds before the first level")
    parser.add_argument("--people", type=int, default=500)
    parser.add_argument("--transport", choices=["app_link", "qr"], default="app_link")
    parser.add_argument("--no-write", action="store_true", help="print only")
    options = parser.parse_args()
    addresses, own = running_addresses(), False
    if addresses is None:
        subprocess.run([SHIRUSHI, "up", "--detach"], check=True)
        addresses, own = running_addresses(), True
    try:
        idle, background, levels = uvloop.run(bench(addresses, options))
    finally:
        if own:
            subprocess.run([SHIRUSHI, "down"], check=False)
    text = tables(idle, background, levels, options)
    print(text)
    if not options.no_write:
        write(PAGE, text)
    sys.exit(any(level.failures for level in levels))


if __name__ == "__main__":
    main()
