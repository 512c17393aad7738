"""Speaks to Kafka about the payload topics: deletes what is older than a moment and measures how old the rest is.

Describe and delete are the only rights used; no record is read. DeleteRecords moves the start of a partition's log, so
no consumer can read what lies before; the bytes leave the disk with their segment, by the topics' retention. Making
them go at once would need a record written behind them and so the right to write everywhere, which this service has
not.
"""

from collections.abc import Iterable

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, RecordsToDelete
from aiokafka.errors import KafkaError
from kit.clock import Clock
from kit.errors import Unavailable
from kit.tls import TlsFiles, client_context
from shirushi.rights import DEAD_LETTER, TOPICS

from audit_purge.purge import TopicsPurged

_REQUEST_TIMEOUT_MS = 10_000


def payload_topics() -> list[str]:
    """The topics that carry facts about logins, and their dead letters; receipts stay."""
    about_logins = [topic.name for topic in TOPICS.values() if topic.sender != "audit-purge"]
    return sorted(about_logins + [name + DEAD_LETTER for name in about_logins])


class KafkaTopics:
    """The payload topics of one cluster, as a part; connects when it is first asked and again after a failure."""

    name = "topics"

    def __init__(
        self,
        bootstrap: str,
        topics: Iterable[str],
        *,
        clock: Clock,
        tls: TlsFiles | None,
    ) -> None:
        """Takes the brokers, the topics, and the identity for mutual TLS (none: a test's plain loopback)."""
        self._bootstrap = bootstrap
        self._topics = sorted(topics)
        self._clock = clock
        self._tls = tls
        self._admin: AIOKafkaAdminClient | None = None
        self._offsets: AIOKafkaConsumer | None = None

    async def delete_before(self, moment: float) -> TopicsPurged:
        """Deletes what was written before a moment (Unix seconds, the broker's own stamps) and measures what is left.

        Raises:
            Unavailable: Kafka does not answer or refuses.
        """
        try:
            await self._connect()
            return await self._delete_before(moment)
        except (KafkaError, OSError, TimeoutError) as error:
            await self.close()
            raise Unavailable("the bus does not answer", reason="bus_unavailable") from error

    async def start(self) -> None:
        """Nothing: Kafka may come later."""

    async def stop(self) -> None:
        """Closes the connections."""
        await self.close()

    async def close(self) -> None:
        """Closes the connections; a later call opens them again."""
        admin, offsets, self._admin, self._offsets = self._admin, self._offsets, None, None
        for client in (client for client in (admin and admin.close, offsets and offsets.stop) if client):
            try:
                await client()
            except (KafkaError, OSError):
                continue

    async def _connect(self) -> None:
        if self._admin is not None:
            return
        # Made anew at each connection, so that a renewed certificate is used.
        context = client_context(self._tls) if self._tls else None
        protocol = "SSL" if context else "PLAINTEXT"
        self._admin = AIOKafkaAdminClient(
            bootstrap_servers=self._bootstrap,
            client_id="audit-purge",
            security_protocol=protocol,
            ssl_context=context,
            request_timeout_ms=_REQUEST_TIMEOUT_MS,
        )
        # Without group and topics: only asked for offsets by time.
        self._offsets = AIOKafkaConsumer(
            bootstrap_servers=self._bootstrap,
            client_id="audit-purge",
            security_protocol=protocol,
            ssl_context=context,
            request_timeout_ms=_REQUEST_TIMEOUT_MS,
            enable_auto_commit=False,
        )
        await self._admin.start()
        await self._offsets.start()

    async def _delete_before(self, moment: float) -> TopicsPurged:
        assert self._admin is not None  # noqa: S101 - set by _connect
        assert self._offsets is not None  # noqa: S101 - set by _connect
        partitions = await self._partitions(self._admin)
        # The ends come first: a record that is appended meanwhile lies behind them and cannot be taken for an old one.
        ends = await self._offsets.end_offsets(partitions)
        starts = await self._offsets.beginning_offsets(partitions)
        kept = await self._offsets.offsets_for_times(dict.fromkeys(partitions, max(round(moment * 1000), 0)))
        until = {partition: kept[partition].offset if kept[partition] else ends[partition] for partition in partitions}
        due = {partition: offset for partition, offset in until.items() if offset > starts[partition]}
        if due:
            await self._admin.delete_records(
                {partition: RecordsToDelete(before_offset=offset) for partition, offset in due.items()}
            )
        oldest = await self._offsets.offsets_for_times(dict.fromkeys(partitions, 0))
        stamps = [found.timestamp for found in oldest.values() if found is not None]
        age = max(0.0, self._clock.now() - min(stamps) / 1000) if stamps else 0.0
        return TopicsPurged(age, sum(offset - starts[partition] for partition, offset in due.items()))

    async def _partitions(self, admin: AIOKafkaAdminClient) -> list[TopicPartition]:
        described = await admin.describe_topics(self._topics)
        if not described or any(topic["error_code"] for topic in described):
            # A receipt must not say of topics that nobody could look at how old their records are.
            raise Unavailable("topics are missing", reason="topics_missing")
        return [
            TopicPartition(topic["topic"], partition["partition"])
            for topic in described
            for partition in topic["partitions"]
        ]
