"""The J-LIS style responder over a real socket, asked by OpenSSL's own client."""

import asyncio

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import unused_port
from sandbox.jlis.responder import Responder
from sandbox.jlis.server import Server
from sandbox.jlis.statuses import Statuses

from sandbox import cards


@pytest.fixture
async def address(state, test_authority):
    statuses = Statuses(state / "ca" / "issued.json")
    runner = web.ServerRunner(
        web.Server(Server(Responder(test_authority, statuses), statuses).handle), shutdown_timeout=0.5
    )
    await runner.setup()
    port = unused_port()
    await web.TCPSite(runner, "127.0.0.1", port).start()
    yield f"http://127.0.0.1:{port}"
    await runner.cleanup()


@pytest.fixture
async def client():
    async with aiohttp.ClientSession() as session:
        yield session


async def control(client, address, **order):
    async with client.post(f"{address}/control", json=order) as response:
        return response.status, await response.json()


async def openssl_says(state, address, name, kind="auth", generation=3):
    root = state / "trust" / kind / f"gen{generation}.pem"
    process = await asyncio.create_subprocess_exec(
        *["openssl", "ocsp", "-issuer", root, "-cert", state / "ca" / "cards" / f"{name}.{kind}.pem"],
        *["-url", f"{address}/", "-CAfile", root],
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    output, _ = await process.communicate()
    return output.decode()


async def test_openssl_accepts_the_answers(address, state):
    assert "Response verify OK" in (said := await openssl_says(state, address, "hanako"))
    assert "hanako.auth.pem: good" in said
    assert ": revoked" in await openssl_says(state, address, "revoked")
    assert "certificateHold" in await openssl_says(state, address, "suspended")
    assert ": good" in await openssl_says(state, address, "neighbour", generation=2)
    assert ": good" in await openssl_says(state, address, "next-generation", generation=cards.NEXT_GENERATION)
    assert ": good" in await openssl_says(state, address, "hanako", kind="sign")


async def test_openssl_refuses_a_wrong_signature(address, client, state):
    await control(client, address, mode="wrong_signature")
    assert "Response Verify Failure" in await openssl_says(state, address, "hanako")


async def test_openssl_refuses_a_foreign_responder(address, client, state):
    await control(client, address, mode="wrong_responder")
    assert "Response Verify Failure" in await openssl_says(state, address, "hanako")


async def test_a_dead_responder_closes_the_connection(address, client):
    await control(client, address, mode="dead")
    with pytest.raises(aiohttp.ClientError):
        await client.post(f"{address}/", data=b"anything")


async def test_a_hanging_responder_answers_once_it_is_mended(address, client):
    await control(client, address, mode="hanging")
    waiting = asyncio.create_task(client.post(f"{address}/", data=b"\x30\x00"))
    done, _ = await asyncio.wait([waiting], timeout=0.2)
    assert not done
    await control(client, address, mode="ok")
    assert (await waiting).status == 200


async def test_a_slow_responder_takes_its_time(address, client):
    await control(client, address, mode="slow", seconds=0.2)
    began = asyncio.get_running_loop().time()
    async with client.post(f"{address}/", data=b"\x30\x00") as response:
        assert response.status == 200
    assert asyncio.get_running_loop().time() - began >= 0.19


async def test_control_names_what_it_accepts_and_counts_what_was_asked(address, client):
    status, told = await control(client, address, mode="cheerful")
    assert status == 400
    assert "wrong_nonce" in told["error"]
    await client.post(f"{address}/", data=b"\x30\x00")
    async with client.get(f"{address}/control") as response:
        assert (await response.json())["asked"] == {"ok": 1}


async def test_requests_are_bounded_and_other_addresses_unknown(address, client):
    assert (await client.post(f"{address}/", data=b"\x00" * 5000)).status == 413
    assert (await client.post(f"{address}/elsewhere", data=b"")).status == 404
    assert (await client.get(f"{address}/%%%")).status == 400
    assert (await client.get(f"{address}/livez")).status == 200
