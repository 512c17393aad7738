"""challenge as a process beside real Kafka and MongoDB: phones over HTTPS, the gateway over gRPC, and kill -9."""

import asyncio
import json
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
from kit.bus import Bus
from kit.clock import SystemClock
from kit.crypto import load_signing_key
from kit.custody import Custody
from kit.custody_client import RpcShareSource
from kit.encoding import b64u
from kit.errors import Unavailable
from kit.events import EventCodec
from kit.management import Health
from kit.rpc import TlsFiles, call, channel
from kit.settings import ServiceSettings, read_secret, read_signers
from kit.telemetry import Telemetry
from sandbox.ports import free_ports
from shirushi.challenge.v1 import challenge_pb2 as pb
from shirushi.challenge.v1 import events_pb2 as events
from shirushi.challenge.v1.challenge_pb2_grpc import ChallengeServiceStub
from shirushi.evidence.v1 import evidence_pb2 as evidence

from tests.support.challenge_tokens import link_token
from tests.support.claiming_phone import ClaimingPhone

pytestmark = pytest.mark.real

SEALED = os.urandom(9328)
LOGINS = int(os.environ.get("SHIRUSHI_CHALLENGE_LOGINS", "60"))
AT_ONCE = 16


class Process:
    """A service that is started, killed and started again with the same settings."""

    def __init__(self, servers, module, principal, log, **settings):
        self.environment = servers.environment(principal, **settings)
        self.module = module
        self.log = log
        self.ready_url = f"http://127.0.0.1:{settings['management_port']}/readyz"
        self.child = None

    async def start(self):
        environment = {name: value for name, value in os.environ.items() if not name.startswith("SHIRUSHI_")}
        with self.log.open("ab") as log:
            self.child = subprocess.Popen(  # noqa: ASYNC220 - the loop of a test has nothing else to do
                [sys.executable, "-m", self.module], env=environment | self.environment, stdout=log, stderr=log
            )
        async with asyncio.timeout(30), aiohttp.ClientSession() as session:
            while True:
                assert self.child.poll() is None, self.log.read_text()[-2000:]
                try:
                    async with session.get(self.ready_url) as response:
                        if response.status == 200:
                            return
                except aiohttp.ClientError:
                    pass
                await asyncio.sleep(0.1)

    def stop(self, number=signal.SIGKILL):
        if self.child is not None and self.child.poll() is None:
            self.child.send_signal(number)
            self.child.wait(timeout=15)

    def cpu_seconds(self):
        fields = Path(f"/proc/{self.child.pid}/stat").read_text().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def memory_mb(self):
        status = Path(f"/proc/{self.child.pid}/status").read_text()
        return int(status.split("VmRSS:")[1].split()[0]) // 1024


class Neighbours:
    """The gateway's and the verifier's ends, and phones."""

    def __init__(self, servers, custody_port, rpc_port, public_port):
        self.servers = servers
        self.public = f"https://localhost:{public_port}/v1/challenges"
        settings = servers.settings(ServiceSettings, "verifier")
        self.custody_channel = channel(f"127.0.0.1:{custody_port}", TlsFiles.of(settings), server_name="audit-purge")
        signing_key, signers = load_signing_key(settings.signing_key), read_signers(settings.signers)
        self.custody = Custody(
            service="verifier",
            secret=read_secret(settings.service_secret),
            signing_key=signing_key,
            signers=signers,
            hour=servers.hour,
            clock=SystemClock(),
            source=RpcShareSource(self.custody_channel),
            receives=True,
        )
        codec = EventCodec(service="verifier", signing_key=signing_key, signers=signers, custody=self.custody)
        self.bus = Bus(settings, codec, Telemetry("verifier"), Health())
        self.bus.subscribe(events.ChallengeAnswered, self._answered)
        gateway = TlsFiles.of(servers.settings(ServiceSettings, "gateway"))
        self.gateway_channel = channel(f"127.0.0.1:{rpc_port}", gateway, server_name="challenge")
        self.stub = self.gateway_channel.stub(ChallengeServiceStub)
        self.received = {}

    async def _answered(self, event):
        self.received.setdefault(event.login_id, []).append(event.message)

    async def start(self):
        await self.custody_channel.start()
        await self.gateway_channel.start()
        for part in (self.custody, self.bus):
            async with asyncio.timeout(30):
                while True:
                    try:
                        await part.start()
                        break
                    except Unavailable:
                        await asyncio.sleep(0.2)
        context = ssl.create_default_context(cafile=str(self.servers.pki.web_ca))
        self.session = aiohttp.ClientSession(connector=aiohttp.TCPConnector(ssl=context))

    async def stop(self):
        await self.session.close()
        await self.bus.stop()
        await self.custody.stop()
        await self.gateway_channel.stop()
        await self.custody_channel.stop()

    async def persevere(self, attempt):
        """What gateway and phone do while challenge is away: the same again."""
        async with asyncio.timeout(30):
            while True:
                try:
                    return await attempt()
                except (Unavailable, aiohttp.ClientError, ConnectionError):
                    await asyncio.sleep(0.1)

    async def post(self, path, body):
        async with self.session.post(f"{self.public}/{path}", json=body) as response:
            text = await response.read()
            if response.status >= 500:
                raise Unavailable
            assert response.status in {200, 202}, text
            return json.loads(text)

    async def login(self):
        """One login up to its 202; returns its id, challenge id and nonce."""
        login_id, now = os.urandom(16), int(time.time())
        epoch = self.servers.hour.epoch_of(now)
        sheet = pb.SealedSheet(transport=evidence.TRANSPORT_APP_LINK, sealed=os.urandom(1052))
        request = pb.IssueRequest(
            login_id=login_id, epoch=epoch, sheets=[sheet], expires_at=now + 300, verdict_due_at=now + 2900
        )
        issued = await self.persevere(lambda: call(self.stub.Issue, request, 5.0))
        phone, token = ClaimingPhone(), link_token(issued.handle, issued.link_secret)
        body = {"token": token, "claim_key": phone.jwk, "proof": phone.claim_proof(token)}
        claimed = await self.persevere(lambda: self.post("claim", body))
        challenge_id = claimed["challenge_id"]
        body = {"sealed_evidence": b64u(SEALED), "proof": phone.answer_proof(challenge_id, SEALED)}
        answered = await self.persevere(lambda: self.post(f"{challenge_id}/answer", body))
        assert answered == {"state": "answered"}
        return login_id, challenge_id, claimed["nonce"]

    async def logins(self, number):
        slots = asyncio.Semaphore(AT_ONCE)

        async def one():
            async with slots:
                return await self.login()

        return await asyncio.gather(*(one() for _ in range(number)))

    async def check_received(self, done):
        """Every login that has its 202 reaches the verifier, and says the same however often."""
        async with asyncio.timeout(15):
            while any(login_id not in self.received for login_id, _, _ in done):
                await asyncio.sleep(0.05)
        for login_id, challenge_id, nonce in done:
            first, *repeated = self.received[login_id]
            assert (first.challenge_id, b64u(first.nonce), first.sealed_evidence) == (challenge_id, nonce, SEALED)
            assert all(message == first for message in repeated)


@pytest.fixture
async def deployment(real_servers, tmp_path):
    memory = Path("/dev/shm") / f"shirushi-challenge-{os.getpid()}"
    custody, audit, management, rpc, public, own_management = free_ports(6)
    web = {
        "public_tls_certificate": str(real_servers.pki.web_certificate),
        "public_tls_key": str(real_servers.pki.web_key),
    }
    keeper = Process(
        real_servers,
        "audit_purge",
        "audit-purge",
        tmp_path / "audit-purge.log",
        state_dir=str(memory),
        rpc_port=str(custody),
        public_port=str(audit),
        management_port=str(management),
        **web,
    )
    challenge = Process(
        real_servers,
        "challenge",
        "challenge",
        tmp_path / "challenge.log",
        audit_purge_target=f"127.0.0.1:{custody}",
        rpc_port=str(rpc),
        public_port=str(public),
        management_port=str(own_management),
        network_hint_key=str(real_servers.pki.network_hint_key),
        **web,
    )
    neighbours = Neighbours(real_servers, custody, rpc, public)
    try:
        await keeper.start()
        await neighbours.start()
        await challenge.start()
        yield challenge, neighbours
    finally:
        challenge.stop()
        if hasattr(neighbours, "session"):
            await neighbours.stop()
        keeper.stop()
        shutil.rmtree(memory, ignore_errors=True)


async def test_every_answer_that_got_its_202_reaches_the_verifier(deployment):
    challenge, neighbours = deployment
    await neighbours.logins(AT_ONCE)
    before, began = challenge.cpu_seconds(), time.perf_counter()
    done = await neighbours.logins(LOGINS)
    took, cpu = time.perf_counter() - began, challenge.cpu_seconds() - before
    await neighbours.check_received(done)
    figures = f"{LOGINS / took:.0f} logins/s, {1000 * cpu / LOGINS:.2f} ms CPU a login, {challenge.memory_mb()} MB"
    sys.stdout.write(f"challenge: {figures}\n")  # seen with pytest -s
    challenge.stop(signal.SIGTERM)
    assert challenge.child.returncode == 0
    # Nothing of a login stands in the log but its id.
    log = challenge.log.read_text()
    assert not any(challenge_id in log or nonce in log for _, challenge_id, nonce in done)


async def test_kill_nine_in_the_middle_of_answers_loses_none_that_got_its_202(deployment):
    challenge, neighbours = deployment
    work = asyncio.ensure_future(neighbours.logins(LOGINS))
    for _ in range(3):
        await asyncio.sleep(0.4)
        challenge.stop(signal.SIGKILL)
        await challenge.start()
    await neighbours.check_received(await work)
