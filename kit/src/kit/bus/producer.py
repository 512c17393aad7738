"""Writes records through one idempotent producer, and through a new one once that one can write no more.

After a gap in the sequence numbers of a partition the broker refuses whatever the same producer sends there, for ever.
aiokafka leaves such a gap when a batch expires because its partition has no leader, and unlike the Java client it does not
begin again by itself.
"""

import asyncio
import contextlib
from collections.abc import Callable

from aiokafka import AIOKafkaProducer
from aiokafka.errors import (
    InvalidProducerIdMapping,
    KafkaError,
    OutOfOrderSequenceNumber,
    ProducerClosed,
    ProducerFenced,
    UnknownProducerId,
)

from kit.log import get_logger

RENEWAL_SECONDS = 15.0
# A producer to which any of these happened gets the same answer for ever. One that is closed has been replaced meanwhile.
_SPENT = (OutOfOrderSequenceNumber, UnknownProducerId, ProducerFenced, InvalidProducerIdMapping, ProducerClosed)
_log = get_logger()


class Producer:
    """A producer that outlives the one in it.

    Args:
        make: makes a producer that has not started.
    """

    def __init__(self, make: Callable[[], AIOKafkaProducer]) -> None:
        self._make = make
        self._present: AIOKafkaProducer | None = None
        self._renewal: asyncio.Task[None] | None = None
        self._retiring: set[asyncio.Task[None]] = set()

    async def start(self) -> None:
        """Connects; raises KafkaError, OSError."""
        self._present = await self._started()

    async def stop(self) -> None:
        """Sends what waits, and closes."""
        present, self._present = self._present, None
        tasks = [*self._retiring, *([self._renewal] if self._renewal else [])]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        if present is not None:
            await present.stop()

    async def send(
        self, topic: str, key: bytes | None, value: bytes, headers: list[tuple[str, bytes]] | None = None
    ) -> None:
        """Writes a record and returns when all replicas in step have it.

        Where the present producer turns out to be spent, the record is written once more through a new one, so it may be
        there twice.

        Raises:
            KafkaError: it is not known to be there.
        """
        present = self._present
        if present is None:
            raise ProducerClosed
        if _is_dead(present):
            present = await self._after(present, "sender_ended")
        try:
            await present.send_and_wait(topic, value, key=key, headers=headers)
        except KafkaError as error:
            if not isinstance(error, _SPENT) and not _is_dead(present):
                raise
            present = await self._after(present, type(error).__name__)
            await present.send_and_wait(topic, value, key=key, headers=headers)

    async def _after(self, spent: AIOKafkaProducer, why: str) -> AIOKafkaProducer:
        """Returns the producer that takes a spent one's place, made once for everybody who has found it spent."""
        if self._present is spent:
            if self._renewal is None:
                _log.warning("producer_renewing", error=why)
                self._renewal = asyncio.create_task(self._renew(spent), name="bus-producer-renewal")
            # A caller that is cancelled here does not take the others' new producer with it.
            await asyncio.wait([self._renewal])
        if self._present is None or self._present is spent:
            raise ProducerClosed
        return self._present

    async def _renew(self, spent: AIOKafkaProducer) -> None:
        try:
            async with asyncio.timeout(RENEWAL_SECONDS):
                self._present = await self._started()
        except (KafkaError, OSError) as error:
            # Whoever comes next tries again; meanwhile the spent one may still serve other partitions.
            _log.warning("producer_waiting", error=type(error).__name__)
        else:
            # What it still holds for other partitions is sent to the end.
            retiring = asyncio.create_task(_retire(spent), name="bus-producer-retiring")
            self._retiring.add(retiring)
            retiring.add_done_callback(self._retiring.discard)
        finally:
            self._renewal = None

    async def _started(self) -> AIOKafkaProducer:
        fresh = self._make()
        try:
            await fresh.start()
        except BaseException:
            await fresh.stop()
            raise
        return fresh


async def _retire(producer: AIOKafkaProducer) -> None:
    with contextlib.suppress(KafkaError, OSError):
        await producer.stop()


def _is_dead(producer: AIOKafkaProducer) -> bool:
    """Says whether its sending has ended, be it by a fault, which aiokafka tells everybody, or from outside."""
    task = producer._sender.sender_task  # noqa: SLF001 - there is no public word for it
    return task is not None and task.done()
