"""Kafka and MongoDB refuse whoever asks for more than rights.yaml gives."""

import ssl
import time

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.errors import (
    GroupAuthorizationFailedError,
    KafkaConnectionError,
    TopicAuthorizationFailedError,
)
from pymongo import AsyncMongoClient
from pymongo.errors import OperationFailure, PyMongoError
from shirushi.rights import DEAD_LETTER, PRINCIPALS, TOPICS

pytestmark = pytest.mark.real

PAYLOAD_TOPICS = [topic for topic in TOPICS.values() if topic.receiver is not None]


def tls(servers, principal):
    context = ssl.create_default_context(cafile=servers.pki.ca)
    context.load_cert_chain(servers.pki.certificate(principal), servers.pki.key(principal))
    return context


def client_options(servers, principal):
    return {
        "bootstrap_servers": servers.kafka_bootstrap,
        "security_protocol": "SSL",
        "ssl_context": tls(servers, principal),
    }


async def send(servers, principal, topic):
    producer = AIOKafkaProducer(**client_options(servers, principal), request_timeout_ms=5000)
    await producer.start()
    try:
        await producer.send_and_wait(topic, b"x", key=b"k")
    finally:
        await producer.stop()


async def read_one(servers, principal, topic, group):
    consumer = AIOKafkaConsumer(
        topic,
        **client_options(servers, principal),
        group_id=group,
        auto_offset_reset="earliest",
        enable_auto_commit=False,
    )
    try:
        await consumer.start()
        return await consumer.getone()
    finally:
        await consumer.stop()


@pytest.mark.parametrize("topic", TOPICS.values(), ids=lambda topic: topic.name)
async def test_only_the_sender_of_a_topic_may_write_it(real_servers, topic):
    await send(real_servers, topic.sender, topic.name)
    for other in PRINCIPALS:
        if other != topic.sender:
            with pytest.raises(TopicAuthorizationFailedError):
                await send(real_servers, other, topic.name)


@pytest.mark.parametrize("topic", PAYLOAD_TOPICS, ids=lambda topic: topic.name)
async def test_only_the_receiver_of_a_topic_may_read_it(real_servers, topic):
    await send(real_servers, topic.sender, topic.name)
    group = PRINCIPALS[topic.receiver].groups[0]
    record = await read_one(real_servers, topic.receiver, topic.name, group)
    assert record.value == b"x"
    for other in PRINCIPALS:
        if other != topic.receiver:
            with pytest.raises((TopicAuthorizationFailedError, GroupAuthorizationFailedError)):
                await read_one(real_servers, other, topic.name, group)


async def test_a_receiver_writes_its_dead_letters_and_nobody_reads_them(real_servers):
    topic = PAYLOAD_TOPICS[0]
    await send(real_servers, topic.receiver, topic.name + DEAD_LETTER)
    with pytest.raises(TopicAuthorizationFailedError):
        await read_one(real_servers, topic.receiver, topic.name + DEAD_LETTER, PRINCIPALS[topic.receiver].groups[0])


async def test_kafka_refuses_a_client_without_a_certificate(real_servers):
    context = ssl.create_default_context(cafile=real_servers.pki.ca)
    producer = AIOKafkaProducer(
        bootstrap_servers=real_servers.kafka_bootstrap, security_protocol="SSL", ssl_context=context
    )
    with pytest.raises(KafkaConnectionError):
        await producer.start()
    await producer.stop()


def mongo(servers, principal):
    return AsyncMongoClient(
        servers.mongodb_uri,
        tlsCAFile=str(servers.pki.ca),
        tlsCertificateKeyFile=str(servers.pki.both(principal)),
        serverSelectionTimeoutMS=5000,
    )


@pytest.mark.parametrize("principal", PRINCIPALS.values(), ids=lambda principal: principal.name)
async def test_a_principal_has_its_own_database_and_no_other(real_servers, principal):
    async with mongo(real_servers, principal.name) as client:
        await client[principal.database].rights.insert_one({})
        assert await client[principal.database].rights.find_one() is not None
        for other in (*(p.database for p in PRINCIPALS.values() if p != principal), "local", "admin"):
            with pytest.raises(OperationFailure, match="not authorized"):
                await client[other].rights.find_one()
            with pytest.raises(OperationFailure, match="not authorized"):
                await client[other].rights.insert_one({})


def test_a_right_that_has_left_the_table_is_taken_away(real_servers):
    from confluent_kafka.admin import AclBinding, AclBindingFilter, AclOperation, AclPermissionType
    from confluent_kafka.admin import ResourcePatternType as Pattern
    from confluent_kafka.admin import ResourceType as Kind
    from sandbox.kafka_rights import apply_rights

    from sandbox.kafka import admin_client

    admin = admin_client(real_servers.kafka_bootstrap, real_servers.pki)

    def binding(kind, name, principal):
        return AclBinding(kind, name, Pattern.LITERAL, principal, "*", AclOperation.READ, AclPermissionType.ALLOW)

    every = AclBindingFilter(Kind.ANY, None, Pattern.ANY, None, None, AclOperation.ANY, AclPermissionType.ANY)
    stranger = binding(Kind.TOPIC, "weather", "User:stranger")
    former = {
        binding(Kind.TOPIC, PAYLOAD_TOPICS[0].name, "User:stranger"),
        binding(Kind.TOPIC, "weather", "User:pseudonym"),
        binding(Kind.GROUP, "weather", "User:pseudonym"),
    }
    before = set(admin.describe_acls(every).result(10))
    for future in admin.create_acls([*former, stranger]).values():
        future.result(10)
    # The controller confirms before the broker's authorizer knows.
    deadline = time.monotonic() + 10
    while not former <= set(admin.describe_acls(every).result(10)):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    try:
        apply_rights(admin, real_servers.hour)
        # Other people's rights on their own things are not ours to take.
        assert set(admin.describe_acls(every).result(10)) == before | {stranger}
    finally:
        admin.delete_acls(
            [AclBindingFilter(Kind.TOPIC, "weather", Pattern.ANY, None, None, AclOperation.ANY, AclPermissionType.ANY)]
        )


def test_a_user_that_has_left_the_table_is_dropped(real_servers):
    from sandbox.mongo import admin_client, apply_users, subject

    with admin_client(real_servers.mongodb_uri, real_servers.pki) as client:
        external = client["$external"]
        before = {user["user"] for user in external.command("usersInfo")["users"]}
        external.command("createUser", subject("former"), roles=[{"role": "readWrite", "db": "gateway"}])
        external.command("createUser", "CN=other,O=Elsewhere", roles=[])
        try:
            apply_users(client)
            after = {user["user"] for user in external.command("usersInfo")["users"]}
            assert after == before | {"CN=other,O=Elsewhere"}
        finally:
            external.command("dropUser", "CN=other,O=Elsewhere")


async def test_mongod_refuses_a_client_without_a_certificate(real_servers):
    uri = real_servers.mongodb_uri.split("?")[0] + "?tls=true&directConnection=true"
    async with AsyncMongoClient(uri, tlsCAFile=str(real_servers.pki.ca), serverSelectionTimeoutMS=1000) as client:
        with pytest.raises(PyMongoError):
            await client.gateway.rights.find_one()


async def test_topics_are_purged_within_the_hour(real_servers):
    from confluent_kafka.admin import ConfigResource

    from sandbox.kafka import admin_client

    admin = admin_client(real_servers.kafka_bootstrap, real_servers.pki)
    for topic in PAYLOAD_TOPICS:
        for name in (topic.name, topic.name + DEAD_LETTER):
            (future,) = admin.describe_configs([ConfigResource(ConfigResource.Type.TOPIC, name)]).values()
            settings = {entry.name: entry.value for entry in future.result(10).values()}
            life = sum(int(settings[part]) for part in ("retention.ms", "segment.ms", "file.delete.delay.ms"))
            assert life <= 31 * 60 * 1000
            assert settings["message.timestamp.type"] == "LogAppendTime"
