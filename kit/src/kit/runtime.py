"""Runs a service: its parts start in order, wait for what is not there yet, drain on SIGTERM and stop in reverse."""

import asyncio
import contextlib
import gc
import os
import random
import resource
import signal
import sys
import threading
from collections.abc import Awaitable, Callable, Sequence
from typing import Protocol

import uvloop

from kit.errors import Unavailable
from kit.log import get_logger

FIRST_PAUSE_SECONDS = 0.1
LONGEST_PAUSE_SECONDS = 5.0
LEAVE_SECONDS = 1.0


class Part(Protocol):
    """A piece of a service with a life of its own: a server, a consumer, a connection, a loop.

    A part may also have `running()`, called once when every part has started, and `draining()`, called when the stop
    begins and before the first part stops; both return at once.
    """

    @property
    def name(self) -> str:
        """What the log calls it."""
        ...

    async def start(self) -> None:
        """Begin to work; `Unavailable` means that something outside is not there yet, and the start is tried again."""
        ...

    async def stop(self) -> None:
        """End work that is under way within the drain bound, then release everything; also after a failed start."""
        ...


def backoff(attempt: int, *, first: float = FIRST_PAUSE_SECONDS, longest: float = LONGEST_PAUSE_SECONDS) -> float:
    """Return a jittered pause in seconds before the next attempt; `attempt` counts from 0.

    Full jitter over the upper half, so that replicas that failed together do not come back together.
    """
    bound = min(longest, first * 2.0 ** min(attempt, 30))
    return random.uniform(bound / 2, bound)  # noqa: S311 - spreads load, protects nothing


class Task:
    """A loop of a service as a part; an error in it is logged and the loop starts again after a pause.

    Args:
        name: for the log.
        loop: called for each life of the loop; returning ends it for good.
    """

    def __init__(self, name: str, loop: Callable[[], Awaitable[None]]) -> None:
        self.name = name
        self._loop = loop
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Start the loop beside everything else."""
        self._task = asyncio.create_task(self._run(), name=self.name)

    async def stop(self) -> None:
        """Cancel the loop where it waits."""
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task

    async def _run(self) -> None:
        attempt = 0
        clock = asyncio.get_running_loop()
        while True:
            began = clock.time()
            try:
                await self._loop()
            except Unavailable as error:
                get_logger().warning("task_waiting", task=self.name, reason=error.reason)
            except Exception:  # noqa: BLE001 - one bad round ends no service
                get_logger().exception("task_failed", task=self.name)
            else:
                return
            # A loop that had worked for long did not fail again, it failed anew.
            attempt = 0 if clock.time() - began > 2 * LONGEST_PAUSE_SECONDS else attempt + 1
            await asyncio.sleep(backoff(attempt))


def run(build: Callable[[], Sequence[Part]], *, drain_seconds: float = 8.0) -> None:
    """Run a service until SIGTERM or SIGINT; returns when every part has stopped or the drain bound is over.

    Args:
        build: makes the parts in the order in which they start; called on the event loop.
        drain_seconds: bound for all stops together.

    Raises:
        Exception: what a part raised at its start, unless it was `Unavailable`; the parts before it are stopped.
    """
    forbid_core_dumps()
    allow_many_connections()
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        if not runner.run(serve(build, drain_seconds=drain_seconds)):
            _leave()
        # The loop and the interpreter wait for threads that nobody can cancel, such as a name look-up: not for ever.
        watchdog = threading.Timer(LEAVE_SECONDS, _leave)
        watchdog.daemon = True
        watchdog.start()


async def serve(
    build: Callable[[], Sequence[Part]], *, drain_seconds: float = 8.0, stopping: asyncio.Event | None = None
) -> bool:
    """Do what `run` does on the loop that is already running; returns whether everything stopped within the bound."""
    stopping = stopping or asyncio.Event()
    loop = asyncio.get_running_loop()
    for signum in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(signum, stopping.set)
    started: list[Part] = []
    log = get_logger()
    try:
        parts = build()
        for part in parts:
            # A part that was cut off in its start may hold something already, so it is stopped too.
            started.append(part)
            if not await _start(part, stopping):
                break
        if not stopping.is_set():
            # The modules and settings stay for good: without them each full collection is a fraction as long.
            gc.collect()
            gc.freeze()
            _tell(started, "running")
            log.info("service_started", parts=[part.name for part in parts])
        await stopping.wait()
        log.info("service_draining")
        _tell(started, "draining")
    finally:
        in_time = await _stop_all(started, drain_seconds)
        for signum in (signal.SIGTERM, signal.SIGINT):
            loop.remove_signal_handler(signum)
    log.info("service_stopped", in_time=in_time)
    return in_time


def forbid_core_dumps() -> None:
    """Keep this process's memory, keys and people's data in it, from ever being written to a disk by a crash."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def allow_many_connections() -> None:
    """Raise the bound on open files from what a shell gives (often 1,024) to what the machine allows."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def _leave() -> None:
    with contextlib.suppress(OSError, ValueError):
        sys.stdout.flush()
    os._exit(1)


def _tell(parts: Sequence[Part], moment: str) -> None:
    for part in parts:
        listener = getattr(part, moment, None)
        if listener is not None:
            listener()


async def _start(part: Part, stopping: asyncio.Event) -> bool:
    """Start one part, however long what it needs stays away; False when the service is to stop before."""
    attempt = 0
    ending = asyncio.ensure_future(stopping.wait())
    try:
        while not stopping.is_set():
            starting = asyncio.ensure_future(part.start())
            await asyncio.wait((starting, ending), return_when=asyncio.FIRST_COMPLETED)
            if not starting.done():
                starting.cancel()
                await asyncio.wait((starting,), timeout=1)
                return False
            try:
                starting.result()
            except Unavailable as error:
                # Said at the first try and then ever more seldom, as the attempts double.
                if attempt & (attempt - 1) == 0:
                    get_logger().warning("part_waiting", part=part.name, reason=error.reason, attempt=attempt)
                await asyncio.wait((ending,), timeout=backoff(attempt))
                attempt += 1
                continue
            get_logger().debug("part_started", part=part.name)
            return True
        return False
    finally:
        ending.cancel()


async def _stop_all(parts: Sequence[Part], drain_seconds: float) -> bool:
    """Stop parts in reverse; each may use what is left of the bound, and what hangs does not keep the others."""
    loop = asyncio.get_running_loop()
    deadline = loop.time() + drain_seconds
    in_time = True
    for part in reversed(parts):
        stop = asyncio.ensure_future(part.stop())
        # Even with nothing left a part gets the moment that it needs to close what is idle.
        done, _ = await asyncio.wait((stop,), timeout=max(deadline - loop.time(), 0.05))
        if not done:
            in_time = False
            stop.cancel()
            get_logger().warning("part_did_not_stop", part=part.name)
            continue
        if not stop.cancelled() and (error := stop.exception()) is not None:
            get_logger().error("part_stop_failed", part=part.name, exc_info=error)
    return in_time
