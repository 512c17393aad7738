"""Writes that share a command on a real MongoDB: one that the server refuses harms no other."""

import os

import pytest
from bson.binary import Binary
from kit.clock import SystemClock
from kit.settings import ServiceSettings
from kit.store import Conflict, Store, batches
from kit.store.batches import Change
from kit.testing.fake_custody import FakeDeployment
from pymongo.errors import DuplicateKeyError, OperationFailure

pytestmark = pytest.mark.real


@pytest.fixture
async def things(real_servers):
    deployment = await FakeDeployment(clock=SystemClock()).start()
    settings = real_servers.settings(ServiceSettings, "gateway")
    store = Store.of(settings, "gateway", deployment.custodies["gateway"], deployment.clock)
    await store.start()
    collection = store.connect()["batched"]
    yield collection
    await collection.drop()
    await store.stop()


def document():
    return {"_id": Binary(os.urandom(16)), "rev": 0, "box": Binary(os.urandom(8))}


def change_of(one, **more):
    return Change(one["_id"], one["rev"], {"$set": {"rev": 1, "box": Binary(os.urandom(8))}, **more})


async def test_an_insert_that_is_refused_harms_no_other(things):
    one, two, three = document(), document(), document()
    await batches.insert(things, [one])
    impossible = {"_id": [1], "rev": 0, "box": b""}
    outcomes = await batches.insert(things, [two, impossible, {**one, "rev": 7}, three])
    assert [type(outcome) for outcome in outcomes] == [type(None), OperationFailure, DuplicateKeyError, type(None)]
    assert sorted([found["rev"] async for found in things.find()]) == [0, 0, 0]


async def test_a_change_that_is_refused_harms_no_other(things):
    documents = [document() for _ in range(4)]
    await batches.insert(things, documents)
    await things.delete_one({"_id": documents[2]["_id"]})
    changes = [change_of(one) for one in documents]
    changes[1] = change_of(documents[1], **{"$inc": {"box": 1}})
    outcomes = await batches.change(things, changes, Conflict)
    assert [type(outcome) for outcome in outcomes] == [type(None), OperationFailure, Conflict, type(None)]
    kept = {bytes(found["_id"]): found["rev"] async for found in things.find()}
    assert [kept.get(bytes(one["_id"])) for one in documents] == [1, 0, None, 1]
