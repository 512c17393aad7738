"""A renewed certificate makes the store connect anew; whoever holds a collection goes on with it."""

import asyncio
import os
import shutil

import pytest
from kit.clock import SystemClock
from kit.settings import ServiceSettings
from kit.store import Store
from kit.testing.fake_custody import FakeDeployment

pytestmark = pytest.mark.real


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
