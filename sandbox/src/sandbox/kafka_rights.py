"""Topics and ACLs of the broker, as deploy/rights.yaml says and nothing more."""

import hashlib
import json
import time
from collections.abc import Mapping
from concurrent.futures import Future
from pathlib import Path
from typing import Any

from confluent_kafka import KafkaError, KafkaException
from confluent_kafka.admin import (
    AclBinding,
    AclBindingFilter,
    AclOperation,
    AclPermissionType,
    AdminClient,
    AlterConfigOpType,
    ConfigEntry,
    ConfigResource,
    NewTopic,
    ResourcePatternType,
    ResourceType,
)
from kit.hour import Hour
from shirushi.rights import PRINCIPALS, TOPICS, kafka_acls, kafka_topics

_TOPIC_PREFIX = "shirushi."
_SCALED = frozenset({"retention.ms", "segment.ms"})
_TIMEOUT = 20.0


def apply_rights(client: AdminClient, hour: Hour, stamp: Path | None = None, *, with_acls: bool = True) -> None:
    """Create and set every topic and ACL; with a `stamp` file nothing is done while its content still holds.

    A broker without authorizer (somebody else's, on a loopback, without TLS) refuses ACLs: `with_acls` leaves them out.
    """
    topics, acls = topic_settings(hour), acl_bindings()
    partitions = {topic.name: topic.partitions for topic in kafka_topics()}
    digest = hashlib.sha256(json.dumps([topics, sorted(map(repr, acls))], sort_keys=True).encode()).hexdigest()
    if stamp is not None and stamp.exists() and stamp.read_text() == digest:
        return
    new = [
        NewTopic(name, num_partitions=partitions[name], replication_factor=1, config=dict(settings))
        for name, settings in topics.items()
    ]
    existing = _finish(client.create_topics(new, request_timeout=_TIMEOUT), but=KafkaError.TOPIC_ALREADY_EXISTS)
    if existing:
        _finish(client.incremental_alter_configs([_altered(name, topics[name]) for name in existing]))
    if with_acls:
        _finish(client.create_acls(acls, request_timeout=_TIMEOUT))
        # A right that has left the table is taken away, whoever's it was.
        superfluous = [_only(acl) for acl in _ours(client) - set(acls)]
        if superfluous:
            _finish(client.delete_acls(superfluous, request_timeout=_TIMEOUT))
        _wait_in_force(client, set(acls))
    if stamp is not None:
        stamp.write_text(digest)


def topic_settings(hour: Hour) -> dict[str, dict[str, str]]:
    """Every topic with its settings; those of topics about logins shrink with the hour."""
    everybody = {topic.name for topic in TOPICS.values() if topic.receiver is None}
    return {
        topic.name: {
            key: str(round(int(value) * hour.minutes(1) / 60))
            if key in _SCALED and topic.name not in everybody
            else value
            for key, value in topic.config.items()
        }
        for topic in kafka_topics()
    }


def acl_bindings() -> list[AclBinding]:
    """The ACLs of rights.yaml as the admin client wants them."""
    return [
        AclBinding(
            ResourceType[acl.resource.upper()],
            acl.name,
            ResourcePatternType.LITERAL,
            f"User:{acl.principal}",
            "*",
            AclOperation[acl.operation.upper()],
            AclPermissionType.ALLOW,
        )
        for acl in kafka_acls()
    ]


def _ours(client: AdminClient) -> set[AclBinding]:
    """What the broker gives to principals of the table, or to anybody on topics of ours; of others' rights nothing."""
    every = AclBindingFilter(
        ResourceType.ANY, None, ResourcePatternType.ANY, None, None, AclOperation.ANY, AclPermissionType.ANY
    )
    principals = {f"User:{name}" for name in PRINCIPALS}
    return {
        acl
        for acl in client.describe_acls(every, request_timeout=_TIMEOUT).result(_TIMEOUT)
        if acl.principal in principals or (acl.restype is ResourceType.TOPIC and acl.name.startswith(_TOPIC_PREFIX))
    }


def _only(acl: AclBinding) -> AclBindingFilter:
    return AclBindingFilter(
        acl.restype, acl.name, acl.resource_pattern_type, acl.principal, acl.host, acl.operation, acl.permission_type
    )


def _wait_in_force(client: AdminClient, wanted: set[AclBinding]) -> None:
    """Wait until the broker's authorizer knows the ACLs: the controller confirms them half a second before that."""
    deadline = time.monotonic() + _TIMEOUT
    while _ours(client) != wanted:
        if time.monotonic() > deadline:
            raise TimeoutError("the broker has not taken up the ACLs of rights.yaml")
        time.sleep(0.05)


def _altered(name: str, settings: Mapping[str, str]) -> ConfigResource:
    entries = [ConfigEntry(key, value, incremental_operation=AlterConfigOpType.SET) for key, value in settings.items()]
    return ConfigResource(ConfigResource.Type.TOPIC, name, incremental_configs=entries)


def _finish(futures: Mapping[Any, "Future[Any]"], but: int | None = None) -> list[Any]:
    """Wait for all; returns those that failed with the error that may be."""
    tolerated: list[Any] = []
    for what, future in futures.items():
        try:
            future.result(_TIMEOUT)
        except KafkaException as error:
            if error.args[0].code() != but:
                raise
            tolerated.append(what)
    return tolerated
