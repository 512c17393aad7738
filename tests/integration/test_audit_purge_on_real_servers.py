"""audit-purge's own adapters on the real broker and database, with its own credentials."""

import asyncio
import itertools
import os
import secrets
import time
from functools import partial

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from audit_purge import receipts
from audit_purge.domain.directory import SealingStatement
from audit_purge.domain.keeper import Commitment, Destroyed
from audit_purge.domain.receipt import GENESIS, receipt_for
from audit_purge.store.directory import MongoDirectory
from audit_purge.store.ledger import MongoLedger
from audit_purge.store.registry import LEASE_SECONDS, MongoRegistry
from audit_purge.topics import KafkaTopics, payload_topics
from kit.clock import FixedClock, SystemClock
from kit.errors import Code, ShirushiError, Unavailable
from kit.hour import Hour
from kit.tls import TlsFiles, client_context
from pymongo import AsyncMongoClient
from shirushi.rights import TOPICS

pytestmark = pytest.mark.real

TOPIC = "shirushi.verification.delayed.v1"


def identity(servers, principal):
    return TlsFiles(servers.pki.certificate(principal), servers.pki.key(principal), servers.pki.ca)


@pytest.fixture
async def database(real_servers):
    client = AsyncMongoClient(
        real_servers.mongodb_uri,
        tls=True,
        tlsCertificateKeyFile=str(real_servers.pki.both("audit-purge")),
        tlsCAFile=str(real_servers.pki.ca),
        authMechanism="MONGODB-X509",
        authSource="$external",
        tz_aware=True,
    )
    database = client["audit_purge"]
    for name in ("receipts", "sealing_keys", "chains"):
        await database.drop_collection(name)
    yield database
    await client.close()


# Receipts


async def as_they_are(epoch, message):
    return b"signed " + message.SerializeToString(deterministic=True)


@pytest.fixture
async def ledger(database):
    ledger = MongoLedger(database, sign=as_they_are, clock=SystemClock(), days=400)
    await ledger.prepare()
    return ledger


def destroyed(epoch):
    return Destroyed(epoch, 1_763_859_570.0, os.urandom(32), b"i" * 16)


async def append(ledger, epoch):
    receipt = receipt_for(destroyed(epoch), after=await ledger.last(), records_deleted=3, oldest_topic_record_ms=-1)
    await ledger.append(receipt)
    return receipt


async def test_receipts_are_chained_kept_and_found_again_after_a_restart(ledger, database):
    assert await ledger.last() == GENESIS
    kept = [await append(ledger, epoch) for epoch in (100, 101, 102)]
    assert [receipt.sequence for receipt in kept] == [1, 2, 3]
    for before, after in itertools.pairwise(kept):
        assert after.previous == receipts.link_of(receipts.to_bytes(before)).digest
    again = MongoLedger(database, sign=as_they_are, clock=SystemClock(), days=400)
    await again.prepare()
    assert await again.last() == receipts.link_of(receipts.to_bytes(kept[-1]))
    assert await again.page(1, 100) == [(r, b"signed " + receipts.to_bytes(r)) for r in kept[1:]]
    assert await again.page(0, 2) == [(r, b"signed " + receipts.to_bytes(r)) for r in kept[:2]]
    assert (await again.read(2))[0] == kept[1]
    assert await again.read(9) is None
    assert await again.holds(b"i" * 16, 101)
    assert not await again.holds(b"j" * 16, 101)


async def test_a_number_and_an_epoch_are_given_once(ledger):
    first = await append(ledger, 100)
    for taken in (first, receipt_for(destroyed(101), after=GENESIS, records_deleted=0, oldest_topic_record_ms=0)):
        with pytest.raises(ShirushiError) as refused:
            await ledger.append(taken)
        assert refused.value.code is Code.CONFLICT


async def test_of_two_writers_at_once_one_has_the_number(ledger):
    outcomes = await asyncio.gather(*[append(ledger, epoch) for epoch in range(100, 110)], return_exceptions=True)
    assert sum(not isinstance(outcome, BaseException) for outcome in outcomes) >= 1
    page = await ledger.page(0, 100)
    assert [receipt.sequence for receipt, _ in page] == list(range(1, len(page) + 1))


async def test_what_was_not_announced_is_remembered(ledger):
    first, second = await append(ledger, 100), await append(ledger, 101)
    assert await ledger.unpublished() == [first, second]
    await ledger.mark_published(first)
    assert await ledger.unpublished() == [second]


# Registration of the chain

PUBLIC = Commitment(100, b"c" * 32)


async def test_two_keepers_cannot_both_be_registered(database):
    clock = FixedClock(time.time())
    one, two = (MongoRegistry(database, instance=instance, clock=clock) for instance in ("one", "two"))
    await one.register(b"1" * 16, 100, PUBLIC)
    with pytest.raises(ShirushiError) as refused:
        await two.register(b"2" * 16, 100, PUBLIC)
    assert refused.value.code is Code.CONFLICT
    clock.advance(LEASE_SECONDS - 1)
    await one.renew(b"1" * 16)
    clock.advance(LEASE_SECONDS - 1)
    with pytest.raises(ShirushiError):
        await two.register(b"2" * 16, 100, PUBLIC)
    clock.advance(2)
    await two.register(b"2" * 16, 100, PUBLIC)
    with pytest.raises(ShirushiError) as lost:
        await one.renew(b"1" * 16)
    assert lost.value.code is Code.CONFLICT


async def test_a_restarted_instance_takes_its_own_registration_up_at_once(database):
    clock = FixedClock(time.time())
    await MongoRegistry(database, instance="one", clock=clock).register(b"1" * 16, 100, PUBLIC)
    again = MongoRegistry(database, instance="one", clock=clock)
    await again.register(b"2" * 16, 103, PUBLIC)
    await again.renew(b"2" * 16)
    with pytest.raises(ShirushiError):
        await again.renew(b"1" * 16)


async def test_a_superseded_keeper_waits_for_the_lease_also_of_its_own_instance(database):
    clock = FixedClock(time.time())
    one = MongoRegistry(database, instance="one", clock=clock)
    await one.register(b"2" * 16, 103, PUBLIC)
    with pytest.raises(ShirushiError) as refused:
        await one.register(b"1" * 16, 100, PUBLIC, at_once=False)
    assert refused.value.code is Code.CONFLICT
    await one.register(b"2" * 16, 103, PUBLIC, at_once=False)
    clock.advance(LEASE_SECONDS)
    await one.register(b"1" * 16, 100, PUBLIC, at_once=False)
    await one.renew(b"1" * 16)


async def test_of_many_keepers_at_once_one_is_registered(database):
    keepers = [MongoRegistry(database, instance=str(n), clock=SystemClock()) for n in range(8)]
    outcomes = await asyncio.gather(
        *[keeper.register(bytes([n]) * 16, 100, PUBLIC) for n, keeper in enumerate(keepers)], return_exceptions=True
    )
    assert outcomes.count(None) == 1


# The directory


async def test_sealing_keys_come_back_after_a_restart(database):
    hour = Hour()
    now = hour.epoch_of(time.time())
    held = [SealingStatement("verifier", now + n, b"i" * 16, os.urandom(1216), os.urandom(64)) for n in range(3)]
    directory = MongoDirectory(database, hour=hour)
    await directory.prepare()
    await directory.keep(held)
    await directory.keep(held[:1])
    await directory.keep([])
    loaded = await MongoDirectory(database, hour=hour).load(now + 1)
    assert sorted(loaded, key=lambda statement: statement.epoch) == held[1:]


# Kafka


@pytest.fixture
async def topics(real_servers):
    part = KafkaTopics(
        real_servers.kafka_bootstrap, [TOPIC], clock=SystemClock(), tls=identity(real_servers, "audit-purge")
    )
    yield part
    await part.close()


def options(servers, principal):
    context = client_context(identity(servers, principal))
    return {"bootstrap_servers": servers.kafka_bootstrap, "security_protocol": "SSL", "ssl_context": context}


async def write(servers, count, value=b"x"):
    producer = AIOKafkaProducer(**options(servers, "verifier"))
    await producer.start()
    for _ in range(count):
        await producer.send_and_wait(TOPIC, value, key=secrets.token_bytes(16))
    await producer.stop()


async def readable(servers):
    consumer = AIOKafkaConsumer(
        TOPIC, **options(servers, "gateway"), group_id="gateway", enable_auto_commit=False, auto_offset_reset="earliest"
    )
    await consumer.start()
    try:
        places = [place for place in consumer.assignment() if place.topic == TOPIC]
        await consumer.seek_to_beginning(*places)
        found = await consumer.getmany(*places, timeout_ms=1500)
        return sum(len(records) for records in found.values())
    finally:
        await consumer.stop()


async def test_facts_older_than_a_moment_cannot_be_read_any_more_and_younger_ones_stay(real_servers, topics):
    await topics.delete_before(time.time() + 60)
    await write(real_servers, 20)
    await asyncio.sleep(0.05)
    moment = time.time()
    await asyncio.sleep(0.05)
    await write(real_servers, 7)
    assert await readable(real_servers) == 27
    purged = await topics.delete_before(moment)
    assert purged.deleted == 20
    assert 0 < purged.oldest_seconds < time.time() - moment + 1
    assert await readable(real_servers) == 7
    again = await topics.delete_before(moment)
    assert again.deleted == 0


async def test_an_empty_topic_has_no_age(topics):
    await topics.delete_before(time.time() + 60)
    purged = await topics.delete_before(time.time() + 60)
    assert (purged.oldest_seconds, purged.deleted) == (0.0, 0)


async def test_every_payload_topic_and_dead_letter_may_be_purged_and_receipts_are_left_alone(real_servers):
    assert not any("receipt" in name for name in payload_topics())
    assert len(payload_topics()) == 2 * (len(TOPICS) - 1)
    part = KafkaTopics(
        real_servers.kafka_bootstrap, payload_topics(), clock=SystemClock(), tls=identity(real_servers, "audit-purge")
    )
    await part.delete_before(time.time() + 60)
    assert (await part.delete_before(time.time() + 60)).oldest_seconds == 0.0
    await part.close()


async def test_a_service_without_the_right_cannot_delete(real_servers):
    await write(real_servers, 1)
    part = KafkaTopics(
        real_servers.kafka_bootstrap, [TOPIC], clock=SystemClock(), tls=identity(real_servers, "verifier")
    )
    with pytest.raises(Unavailable):
        await part.delete_before(time.time() + 60)
    await part.close()


async def test_a_broker_that_is_not_there_is_unavailable_and_may_come_back(real_servers):
    part = partial(KafkaTopics, topics=[TOPIC], clock=SystemClock(), tls=identity(real_servers, "audit-purge"))
    with pytest.raises(Unavailable):
        await part("127.0.0.1:1").delete_before(0)
    working = part(real_servers.kafka_bootstrap)
    await working.delete_before(0)
    await working.close()
