"""The management port over HTTP."""

import aiohttp
import pytest
from kit.management import Health, ManagementServer
from kit.telemetry import Telemetry


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
