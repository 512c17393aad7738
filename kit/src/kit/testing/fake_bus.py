"""The bus in memory: the real codec and the real pipeline over a list of records."""

import asyncio
from dataclasses import dataclass, field

from google.protobuf.message import Message
from shirushi import rights

from kit.bus.offsets import PartitionOffsets
from kit.bus.pipeline import Pipeline, Record
from kit.bus.subscription import CONCURRENCY, Handler, Subscription
from kit.errors import Unavailable
from kit.events import EventCodec


@dataclass(slots=True)
class FakeHub:
    """What the broker would hold: every record, and every bus that consumes."""

    records: list[Record] = field(default_factory=list)
    dead_letters: list[tuple[Record, str]] = field(default_factory=list)
    buses: list["FakeBus"] = field(default_factory=list)
    away: bool = False

    def of(self, topic: str) -> list[Record]:
        """Returns the records of a topic."""
        return [record for record in self.records if record.topic == topic]

    async def append(self, topic: str, key: bytes, value: bytes) -> None:
        """Adds a record and gives it to every consumer; also for records that nobody has sealed."""
        if self.away:
            raise Unavailable("Kafka does not answer", reason="kafka_unavailable")
        record = Record(topic, 0, len(self.records), key, value)
        self.records.append(record)
        for bus in self.buses:
            await bus.take(record)

    async def deliver_again(self, record: Record) -> None:
        """Gives a record to its consumers once more."""
        for bus in self.buses:
            await bus.take(record)

    async def settle(self) -> None:
        """Waits until no handler is at work, parked ones apart after two seconds."""
        async with asyncio.timeout(2):
            while any(bus.in_flight for bus in self.buses):
                await asyncio.sleep(0.001)


class FakeBus:
    """See `kit.bus.Bus`."""

    name = "bus"

    def __init__(self, codec: EventCodec, hub: FakeHub) -> None:
        self._codec = codec
        self._hub = hub
        self._subscriptions: dict[str, Subscription] = {}
        self.outcomes: list[tuple[str, str]] = []
        self._pipeline = Pipeline(
            codec=codec,
            subscriptions=self._subscriptions,
            dead_letter=self._dead_letter,
            count=lambda topic, outcome: self.outcomes.append((topic, outcome)),
        )
        hub.buses.append(self)

    @property
    def in_flight(self) -> int:
        """Returns how many records are being handled."""
        return self._pipeline.in_flight

    def subscribe(self, message_class: type[Message], handler: Handler, *, concurrency: int = CONCURRENCY) -> None:
        """See `Bus.subscribe`."""
        subscription = Subscription(message_class, handler, concurrency)
        self._subscriptions[subscription.topic.name] = subscription

    def broadcast(self, message_class: type[Message], handler: Handler) -> None:
        """See `Bus.broadcast`."""
        self.subscribe(message_class, handler)

    async def publish(self, type_: int, login_id: bytes, epoch: int, message: Message) -> None:
        """See `Bus.publish`."""
        if self._hub.away:
            raise Unavailable("Kafka does not answer", reason="kafka_unavailable")
        value = await self._codec.seal(type_, login_id, epoch, message)
        await self._hub.append(rights.TOPICS[type_].name, login_id, value)

    async def take(self, record: Record) -> None:
        """Handles a record if it is for this service."""
        if record.topic in self._subscriptions:
            self._pipeline.accept(record, PartitionOffsets())

    async def start(self) -> None:
        """Nothing to connect to."""

    async def stop(self) -> None:
        """Cancels what is parked."""
        await self._pipeline.drain(0.1)

    async def _dead_letter(self, record: Record, reason: str) -> None:
        self._hub.dead_letters.append((record, reason))
