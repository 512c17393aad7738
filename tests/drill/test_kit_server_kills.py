"""kill -9 of the real broker and database under traffic: what was acknowledged is there, and work goes on by itself."""

import asyncio
import os
import time

import pytest
from kit.bus import Bus
from kit.clock import SystemClock
from kit.errors import Unavailable
from kit.events import OpenedEvent
from kit.management import Health
from kit.settings import ServiceSettings
from kit.store import Store
from kit.telemetry import Telemetry
from kit.testing.fake_custody import FakeDeployment
from shirushi.bus.v1 import envelope_pb2 as envelopes
from shirushi.gateway.v1.events_pb2 import LoginRequested

from tests.support.servers import RealServers

pytestmark = [pytest.mark.real, pytest.mark.drill]
REQUESTED = envelopes.EVENT_TYPE_LOGIN_REQUESTED


async def test_what_kafka_acknowledged_is_handled_although_it_was_killed(real_servers: RealServers) -> None:
    deployment = await FakeDeployment(clock=SystemClock()).start()
    epoch = deployment.hour.epoch_of(deployment.clock.now())

    def make(service: str) -> Bus:
        settings = real_servers.settings(ServiceSettings, service, instance="kill")
        return Bus(settings, deployment.codecs[service], Telemetry(service), Health())

    handled: set[bytes] = set()
    acknowledged: set[bytes] = set()

    async def handle(event: OpenedEvent[LoginRequested]) -> None:
        handled.add(event.login_id)

    audit, gateway = make("audit-purge"), make("gateway")
    audit.subscribe(LoginRequested, handle)
    await audit.start()
    await gateway.start()

    async def publish() -> None:
        login_id = os.urandom(16)
        while login_id not in acknowledged:
            try:
                await gateway.publish(REQUESTED, login_id, epoch, LoginRequested(client_id="c"))
            except Unavailable:
                continue
            acknowledged.add(login_id)

    try:
        publishing = []
        for n in range(300):
            publishing.append(asyncio.create_task(publish()))
            await asyncio.sleep(0.02)
            if n == 100:
                real_servers.kill_kafka()
            if n == 150:
                restart = asyncio.create_task(real_servers.start_kafka())
        await restart
        async with asyncio.timeout(30):
            await asyncio.gather(*publishing)
            while not handled >= acknowledged:
                await asyncio.sleep(0.05)
        assert len(acknowledged) == 300
    finally:
        await gateway.stop()
        await audit.stop()


async def test_what_mongod_acknowledged_is_there_although_it_was_killed(real_servers: RealServers) -> None:
    deployment = await FakeDeployment(clock=SystemClock()).start()
    epoch = deployment.hour.epoch_of(deployment.clock.now())
    settings = real_servers.settings(ServiceSettings, "gateway")
    store = Store.of(settings, "gateway", deployment.custodies["gateway"], deployment.clock)
    collection = store.collection("killed")
    await store.start()
    acknowledged: list[bytes] = []

    async def insert() -> None:
        id_ = os.urandom(16)
        await collection.insert(id_, epoch, deployment.clock.now() + 600, "open", id_)
        acknowledged.append(id_)

    try:
        inserting = []
        for n in range(300):
            inserting.append(asyncio.create_task(insert()))
            await asyncio.sleep(0.01)
            if n == 100:
                real_servers.kill_mongo()
        began = time.monotonic()
        with pytest.raises(Unavailable):
            await collection.get(acknowledged[0])
        assert time.monotonic() - began < 15
        await real_servers.start_mongo()
        outcomes = await asyncio.gather(*inserting, return_exceptions=True)
        assert all(outcome is None or isinstance(outcome, Unavailable) for outcome in outcomes)
        for id_ in acknowledged:
            found = await collection.get(id_)
            assert found is not None
            assert found.content == id_
    finally:
        await store.stop()
