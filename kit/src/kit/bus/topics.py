"""Checks that topics exist before anything waits for them: Kafka clients wait for a missing topic without a word."""

import ssl
from collections.abc import Iterable

from aiokafka.admin import AIOKafkaAdminClient

from kit.errors import Unavailable
from kit.log import get_logger


async def partitions_of(
    topics: Iterable[str], *, bootstrap: list[str], context: ssl.SSLContext | None, client_id: str
) -> dict[str, list[int]]:
    """Returns the partitions of each topic.

    Raises:
        Unavailable: a topic does not exist, or this principal may not see it.
        KafkaError: the broker does not answer.
    """
    wanted = sorted(set(topics))
    admin = AIOKafkaAdminClient(
        bootstrap_servers=bootstrap,
        security_protocol="SSL" if context else "PLAINTEXT",
        ssl_context=context,
        client_id=client_id,
        request_timeout_ms=5_000,
    )
    try:
        await admin.start()
        described = await admin.describe_topics(wanted) if wanted else []
    finally:
        await admin.close()
    found = {entry["topic"]: sorted(p["partition"] for p in entry["partitions"]) for entry in described}
    missing = [topic for topic in wanted if not found.get(topic)]
    if missing:
        get_logger().warning("topics_missing", topics=missing)
        raise Unavailable("topics are missing", reason="topics_missing")
    return found
