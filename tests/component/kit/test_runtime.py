"""A whole life of a service: starts that wait, the signal, and a stop that ends in time."""

import asyncio
import os
import signal
import subprocess
import sys
import textwrap
import time

import pytest
from kit.errors import Unavailable

from kit import runtime


class Recorder:
    def __init__(self, name, diary, *, failures=0, stop_seconds=0.0, error=None):
        self.name = name
        self.diary = diary
        self.failures = failures
        self.stop_seconds = stop_seconds
        self.error = error

    async def start(self):
        if self.error is not None:
            raise self.error
        if self.failures:
            self.failures -= 1
            self.diary.append(f"{self.name} waits")
            raise Unavailable(reason="not_there")
        self.diary.append(f"{self.name} starts")

    def running(self):
        self.diary.append(f"{self.name} knows that all run")

    def draining(self):
        self.diary.append(f"{self.name} knows of the stop")

    async def stop(self):
        await asyncio.sleep(self.stop_seconds)
        self.diary.append(f"{self.name} stops")


@pytest.fixture
def diary():
    return []


@pytest.fixture
def stopping():
    return asyncio.Event()


async def until(condition):
    async with asyncio.timeout(5):
        while not condition():
            await asyncio.sleep(0.01)


async def test_parts_start_in_order_waiting_for_what_is_not_there_and_stop_in_reverse(diary, stopping):
    parts = [Recorder("one", diary), Recorder("two", diary, failures=2), Recorder("three", diary)]
    life = asyncio.create_task(runtime.serve(lambda: parts, stopping=stopping))
    await until(lambda: "three knows that all run" in diary)
    stopping.set()
    assert await life
    assert diary == [
        "one starts", "two waits", "two waits", "two starts", "three starts",
        "one knows that all run", "two knows that all run", "three knows that all run",
        "one knows of the stop", "two knows of the stop", "three knows of the stop",
        "three stops", "two stops", "one stops",
    ]  # fmt: skip


async def test_sigterm_ends_a_service_that_still_waits(diary):
    parts = [Recorder("one", diary), Recorder("two", diary, failures=10**6), Recorder("three", diary)]
    life = asyncio.create_task(runtime.serve(lambda: parts))
    await until(lambda: "two waits" in diary)
    os.kill(os.getpid(), signal.SIGTERM)
    async with asyncio.timeout(2):
        assert await life
    assert "three starts" not in diary
    assert diary[-2:] == ["two stops", "one stops"]


async def test_a_broken_part_ends_the_service_and_stops_the_others(diary):
    parts = [Recorder("one", diary), Recorder("two", diary, error=ValueError("wrong"))]
    with pytest.raises(ValueError, match="wrong"):
        await runtime.serve(lambda: parts)
    assert diary == ["one starts", "two stops", "one stops"]


async def test_a_part_that_hangs_keeps_neither_the_others_nor_the_process(diary, stopping):
    parts = [Recorder("one", diary), Recorder("two", diary, stop_seconds=60), Recorder("three", diary)]
    life = asyncio.create_task(runtime.serve(lambda: parts, drain_seconds=0.2, stopping=stopping))
    await until(lambda: "three knows that all run" in diary)
    began = time.monotonic()
    stopping.set()
    assert not await life
    assert time.monotonic() - began < 1
    assert diary[-2:] == ["three stops", "one stops"]


async def test_a_task_starts_again_after_an_error_and_ends_by_its_own_will(monkeypatch, written):
    monkeypatch.setattr(runtime, "backoff", lambda _attempt: 0.001)
    rounds = []

    async def loop():
        rounds.append(1)
        if len(rounds) < 4:
            raise [ValueError("hanako1990"), Unavailable(), KeyError("x")][len(rounds) - 1]

    task = runtime.Task("sweeper", loop)
    await task.start()
    await until(lambda: len(rounds) == 4)
    await task.stop()
    text = written()
    assert "task_failed" in text
    assert "1990" not in text


async def test_a_task_is_cut_where_it_waits():
    task = runtime.Task("sweeper", asyncio.Event().wait)
    await task.start()
    await asyncio.sleep(0)
    async with asyncio.timeout(1):
        await task.stop()


def test_backoff_grows_is_bounded_and_never_the_same():
    for attempt in range(40):
        pause = runtime.backoff(attempt)
        assert 0 < pause <= runtime.LONGEST_PAUSE_SECONDS
    assert runtime.backoff(0) < 0.11
    assert runtime.backoff(30) > runtime.LONGEST_PAUSE_SECONDS / 2.1
    assert len({runtime.backoff(5) for _ in range(10)}) > 1


PROGRAM = """
    import asyncio, resource, sys, threading, time
    from kit.runtime import run

    class Part:
        name = "part"
        async def start(self):
            print(type(asyncio.get_running_loop()).__module__, resource.getrlimit(resource.RLIMIT_CORE), flush=True)
        async def stop(self):
            {stop}
            print("stopped", flush=True)

    run(lambda: [Part()], drain_seconds=0.5)
"""


@pytest.mark.parametrize(
    ("stop", "ends"),
    [
        ("pass", True),
        ("await asyncio.sleep(60)", False),
        ("await asyncio.to_thread(time.sleep, 60)", False),
    ],
)
def test_a_process_ends_within_the_bound_whatever_its_parts_do(stop, ends):
    program = textwrap.dedent(PROGRAM).format(stop=stop)
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True) as process:
        lines = [process.stdout.readline()]
        while "service_started" not in lines[-1]:
            lines.append(process.stdout.readline())
        began = time.monotonic()
        process.send_signal(signal.SIGTERM)
        rest, _ = process.communicate(timeout=10)
    assert any("uvloop" in line and "(0, 0)" in line for line in lines)
    assert time.monotonic() - began < 3
    assert process.returncode == (0 if ends else 1)
    assert ("stopped" in rest.splitlines()) is ends
