"""The management port over HTTP."""

import asyncio

import aiohttp
import pytest
from kit.management import Health, ManagementServer
from kit.telemetry import Telemetry

from tests.support.trace_sink import trace_sink


@pytest.fixture
async def management():
    telemetry, health = Telemetry("test"), Health()
    server = ManagementServer("127.0.0.1", 0, telemetry, health)
    await server.start()
    async with aiohttp.ClientSession(f"http://127.0.0.1:{server.port}") as session:
        yield server, telemetry, health, session
    await server.stop()


async def ask(session, path):
    async with session.get(path) as answer:
        return answer.status, await answer.text()


async def test_ready_only_after_everything_started_and_never_again_in_the_stop(management):
    server, _, health, session = management
    assert await ask(session, "/readyz") == (503, "service: starting\n")
    health.ready("bus", ok=False, why="topics missing")
    server.running()
    assert await ask(session, "/readyz") == (503, "bus: topics missing\n")
    health.ready("bus", ok=True)
    assert await ask(session, "/readyz") == (200, "ok\n")
    server.draining()
    assert await ask(session, "/readyz") == (503, "service: draining\n")


async def test_metrics_and_unknown_paths(management):
    _, telemetry, _, session = management
    telemetry.counter("things_total", "Things.", ("kind",)).labels("good").inc()
    status, text = await ask(session, "/metrics")
    assert status == 200
    assert 'shirushi_things_total{kind="good"} 1.0' in text
    assert "process_resident_memory_bytes" in text
    assert (await ask(session, "/"))[0] == 404
    async with session.post("/metrics") as answer:
        assert answer.status == 404


async def test_alive_without_any_loop(management):
    assert await ask(management[3], "/livez") == (200, "ok\n")


async def test_the_last_spans_are_sent_at_the_stop():
    with trace_sink() as sink:
        telemetry = Telemetry("test", sink.address, ratio=1.0)
        server = ManagementServer("127.0.0.1", 0, telemetry, Health())
        await server.start()
        with telemetry.span("last"):
            pass
        await server.stop()
        names = [
            span.name
            for request in sink.requests
            for resource in request.resource_spans
            for scope in resource.scope_spans
            for span in scope.spans
        ]
    assert names == ["last"]


async def test_a_collector_that_never_answers_holds_up_no_stop():
    asked = asyncio.Event()
    released = asyncio.Event()

    async def silent(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked.set()
        await released.wait()
        writer.close()

    async with await asyncio.start_server(silent, "127.0.0.1", 0) as listener:
        port = listener.sockets[0].getsockname()[1]
        telemetry = Telemetry("test", f"http://127.0.0.1:{port}/v1/traces", ratio=1.0)
        with telemetry.span("last"):
            pass
        await telemetry.close(0.05)
        released.set()
        await asyncio.wait_for(asked.wait(), 10)
