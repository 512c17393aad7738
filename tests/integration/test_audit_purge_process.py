"""audit-purge as a process beside real servers: kill -9, lost state, forgetting, and pseudonym living on its shares."""

import asyncio
import os
import shutil
import signal
import ssl
import subprocess
import sys
import time
from pathlib import Path

import aiohttp
import pytest
from kit.hour import Hour
from sandbox.ports import free_ports

pytestmark = pytest.mark.real

# The shortest hour whose epochs still fit the wire's 32 bits.
HOUR = Hour(30.0)


class Process:
    """A service with a setting of its own for everything that it listens on."""

    def __init__(self, servers, module, principal, log, **more):
        rpc, public, management = free_ports(3)
        self.rpc, self.public = rpc, public
        self.management = f"http://127.0.0.1:{management}"
        self.module = module
        self.log = log
        self.environment = servers.environment(
            principal,
            hour_seconds=str(HOUR.seconds),
            rpc_port=str(rpc),
            management_port=str(management),
            **({"public_port": str(public)} if principal == "audit-purge" else {}),
            **more,
        )
        self.child = None

    def start(self):
        environment = {name: value for name, value in os.environ.items() if not name.startswith("SHIRUSHI_")}
        with self.log.open("ab") as log:
            self.child = subprocess.Popen(
                [sys.executable, "-m", self.module], env=environment | self.environment, stdout=log, stderr=log
            )

    def kill(self, number=signal.SIGKILL):
        if self.child is not None and self.child.poll() is None:
            self.child.send_signal(number)
        return self.child.wait(timeout=15) if self.child is not None else None


@pytest.fixture
def memory():
    directory = Path("/dev/shm") / f"shirushi-test-{os.getpid()}"
    yield directory
    shutil.rmtree(directory, ignore_errors=True)


@pytest.fixture
def audit_purge(real_servers, memory, tmp_path):
    process = Process(
        real_servers,
        "audit_purge",
        "audit-purge",
        tmp_path / "audit-purge.log",
        state_dir=str(memory),
        public_tls_certificate=str(real_servers.pki.web_certificate),
        public_tls_key=str(real_servers.pki.web_key),
    )
    yield process
    process.kill()


@pytest.fixture
def pseudonym(real_servers, audit_purge, tmp_path):
    process = Process(
        real_servers,
        "pseudonym",
        "pseudonym",
        tmp_path / "pseudonym.log",
        audit_purge_target=f"127.0.0.1:{audit_purge.rpc}",
        pairwise_keys=str(real_servers.pki.pairwise_keys),
    )
    yield process
    process.kill()


@pytest.fixture
async def web(real_servers):
    context = ssl.create_default_context(cafile=real_servers.pki.web_ca)
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(ssl=context)) as session:
        yield session


async def answer(web, url):
    try:
        async with web.get(url) as response:
            return response.status, await response.text()
    except aiohttp.ClientError:
        return 0, ""


async def until(condition, seconds=60.0, why=lambda: ""):
    deadline = time.monotonic() + seconds
    while not (found := await condition()):
        assert time.monotonic() < deadline, f"it did not come about in time: {why()}"
        await asyncio.sleep(0.05)
    return found


async def ready(web, process):
    complaints = ""

    async def is_ready():
        nonlocal complaints
        assert process.child.poll() is None, process.log.read_text()[-2000:]
        status, complaints = await answer(web, f"{process.management}/readyz")
        return status == 200

    await until(is_ready, why=lambda: f"{complaints}\n{process.log.read_text()}")


async def read(web, process, path):
    async with web.get(f"https://localhost:{process.public}{path}") as response:
        assert response.status == 200
        return await response.json()


async def test_a_killed_keeper_goes_on_with_its_chain_and_services_live_on_its_shares(web, audit_purge, pseudonym):
    audit_purge.start()
    pseudonym.start()
    await ready(web, audit_purge)
    await ready(web, pseudonym)
    before = await read(web, audit_purge, "/commitments")

    audit_purge.kill()
    audit_purge.start()
    began = time.monotonic()
    await ready(web, audit_purge)
    assert time.monotonic() - began < 10
    after = await read(web, audit_purge, "/commitments")
    assert after["chain_id"] == before["chain_id"]
    then = {entry["epoch"]: entry["commitment"] for entry in before["commitments"]}
    both = [entry for entry in after["commitments"] if entry["epoch"] in then]
    assert both
    assert all(entry["commitment"] == then[entry["epoch"]] for entry in both)
    await ready(web, pseudonym)

    assert audit_purge.kill(signal.SIGTERM) == 0
    assert pseudonym.kill(signal.SIGTERM) == 0


@pytest.mark.drill
async def test_every_epoch_gets_its_receipt_on_time_also_over_a_kill(web, audit_purge):
    audit_purge.start()
    await ready(web, audit_purge)
    first = (await read(web, audit_purge, "/commitments"))["first_epoch"]
    last_before = [receipt["sequence"] for receipt in (await read(web, audit_purge, "/receipts"))["receipts"]]
    start = last_before[-1] if last_before else 0

    async def receipts():
        return [
            receipt
            for receipt in (await read(web, audit_purge, f"/receipts?after={start}"))["receipts"]
            if receipt["epoch"] >= first
        ]

    async def some():
        return len(await receipts()) >= 3

    await until(some, HOUR.seconds + 15)
    audit_purge.kill()
    audit_purge.start()
    await ready(web, audit_purge)
    count = len(await receipts())

    async def more():
        return len(await receipts()) >= count + 10

    await until(more, HOUR.seconds)
    found = await receipts()
    assert [receipt["epoch"] for receipt in found] == list(range(first, first + len(found)))
    assert [r["sequence"] for r in found] == list(range(found[0]["sequence"], found[0]["sequence"] + len(found)))
    late = [r["destroyed_at_ms"] / 1000 - HOUR.key_deadline(r["epoch"]) for r in found]
    assert min(late) >= 0


async def test_a_lost_state_begins_a_new_chain_and_services_follow(web, audit_purge, pseudonym, memory):
    audit_purge.start()
    pseudonym.start()
    await ready(web, audit_purge)
    await ready(web, pseudonym)
    before = await read(web, audit_purge, "/commitments")
    audit_purge.kill()
    shutil.rmtree(memory)
    audit_purge.start()
    await ready(web, audit_purge)
    after = await read(web, audit_purge, "/commitments")
    assert after["chain_id"] != before["chain_id"]
    assert after["first_epoch"] > before["first_epoch"]
    await ready(web, pseudonym)


async def test_a_second_keeper_on_the_same_directory_says_why_it_does_not_start(web, audit_purge, real_servers):
    audit_purge.start()
    await ready(web, audit_purge)
    second = await asyncio.to_thread(
        subprocess.run,
        [sys.executable, "-m", "audit_purge"],
        env=os.environ | audit_purge.environment,
        capture_output=True,
        timeout=20,
        check=False,
    )
    assert second.returncode == 2
    assert b"held by another process" in second.stderr
