"""A renewed certificate makes the store connect anew; whoever holds a collection goes on with it."""

import asyncio
import os
import shutil

import pytest
from kit.clock import SystemClock
from kit.settings import ServiceSettings
from kit.store import Store
from kit.testing.fake_custody import FakeDeployment
from structlog.testing import capture_logs

pytestmark = pytest.mark.real


async def test_a_renewal_of_which_only_half_is_written_is_waited_for(real_servers, tmp_path, monkeypatch):
    monkeypatch.setattr("kit.store.mongo.RENEWAL_CHECK_SECONDS", 0.02)
    monkeypatch.setattr("kit.store.mongo.OLD_CLIENT_SECONDS", 0.02)
    pem = tmp_path / "gateway.pem"
    whole = real_servers.pki.both("gateway").read_bytes()
    pem.write_bytes(whole)
    deployment = await FakeDeployment(clock=SystemClock()).start()
    settings = real_servers.settings(ServiceSettings, "gateway", mongodb_client_pem=str(pem))
    store = Store.of(settings, "gateway", deployment.custodies["gateway"], deployment.clock)
    await store.start()
    try:
        before = store.connect().client
        with capture_logs() as logs:
            pem.write_bytes(whole[:-900])
            async with asyncio.timeout(20):
                while sum(line["event"] == "store_renewal_failed" for line in logs) < 2:
                    await asyncio.sleep(0.02)
        assert store.connect().client is before
        pem.write_bytes(whole)
        async with asyncio.timeout(20):
            while store.connect().client is before:
                await asyncio.sleep(0.02)
    finally:
        await store.stop()


async def test_sealed_and_clear_collections_live_on_over_a_renewal(real_servers, tmp_path, monkeypatch):
    monkeypatch.setattr("kit.store.mongo.RENEWAL_CHECK_SECONDS", 0.02)
    monkeypatch.setattr("kit.store.mongo.OLD_CLIENT_SECONDS", 0.02)
    pem = tmp_path / "gateway.pem"
    shutil.copy(real_servers.pki.both("gateway"), pem)
    deployment = await FakeDeployment(clock=SystemClock()).start()
    settings = real_servers.settings(ServiceSettings, "gateway", mongodb_client_pem=str(pem))
    store = Store.of(settings, "gateway", deployment.custodies["gateway"], deployment.clock)
    sealed, clear = store.collection("renewed"), store.present()["renewed_clear"]
    await store.start()
    try:
        before = store.connect().client
        fresh = tmp_path / "fresh.pem"
        shutil.copy(pem, fresh)
        fresh.replace(pem)
        async with asyncio.timeout(20):
            # Closed for good only after everything has moved on.
            while store.connect().client is before or not before._closed:
                await asyncio.sleep(0.02)
        epoch = deployment.hour.epoch_of(deployment.clock.now())
        kept = await sealed.insert(os.urandom(16), epoch, deployment.clock.now() + 60, "open", b"x")
        assert await sealed.get(kept.id) is not None
        await clear.insert_one({"_id": 1})
        assert await clear.count_documents({}) == 1
        await clear.drop()
    finally:
        await store.stop()
