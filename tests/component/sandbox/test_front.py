"""The front hands connections to replicas in turn and passes over those that are down."""

import asyncio

import pytest
from sandbox.ports import free_ports

from sandbox import front


async def replica(name):
    """A server that answers every line with its name and the line."""

    async def answer(reader, writer):
        while line := await reader.readline():
            writer.write(name.encode() + b" " + line)
            await writer.drain()
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    return server, server.sockets[0].getsockname()[1]


@pytest.fixture
async def replicas():
    servers = [await replica(name) for name in ("a", "b")]
    yield servers
    for server, _ in servers:
        server.close()
        await server.wait_closed()


@pytest.fixture
async def port(replicas):
    (public,) = free_ports(1)
    server = await front._listen(f"{public}={','.join(str(port) for _, port in replicas)}")
    yield public
    server.close()
    await server.wait_closed()


async def ask(port, text=b"x"):
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(text + b"\n")
    answer = await reader.readline()
    writer.close()
    await writer.wait_closed()
    return answer.decode().split()[0] if answer else None


async def test_connections_go_to_the_replicas_in_turn(port):
    assert [await ask(port) for _ in range(4)] == ["a", "b", "a", "b"]


async def test_a_replica_that_is_down_is_passed_over(port, replicas):
    replicas[0][0].close()
    assert [await ask(port) for _ in range(4)] == ["b"] * 4


async def test_with_no_replica_the_connection_is_closed(port, replicas):
    for server, _ in replicas:
        server.close()
    assert await ask(port) is None


async def test_large_answers_come_through_whole(port):
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    line = b"y" * 60_000 + b"\n"
    for _ in range(20):
        writer.write(line)
        await writer.drain()
        assert len(await reader.readline()) == len(line) + 2
    writer.close()
    await writer.wait_closed()
