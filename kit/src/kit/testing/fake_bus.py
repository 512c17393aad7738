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
        await self.deliver_again(record)

    async def deliver_again(self, record: Record) -> None:
        """Gives a record to its consumers: one bus of each service, or all where the type is broadcast."""
        served: set[str] = set()
        for bus in self.buses:
            if bus.wants(record.topic) and (bus.hears_all(record.topic) or bus.service not in served):
                served.add(bus.service)
                await bus.take(record)

    async def settle(self) -> None:
        """Waits until no handler is at work, parked ones apart after two seconds."""
        async with asyncio.timeout(2):
            while any(bus.in_flight for bus in self.buses):  # noqa: ASYNC110 - handlers start further handlers
                await asyncio.sleep(0.001)


class FakeBus:
    """See `kit.bus.Bus`."""

    name = "bus"

    def __init__(self, codec: EventCodec, hub: FakeHub) -> None:
        self._codec = codec
        self._hub = hub
        self._subscriptions: dict[str, Subscription] = {}
        self._broadcasts: set[str] = set()
        self._stopped = False
        self.outcomes: list[tuple[str, str]] = []
        self._pipeline = Pipeline(
            codec=codec,
            subscriptions=self._subscriptions,
            dead_letter=self._dead_letter,
            count=lambda topic, outcome: self.outcomes.append((topic, outcome)),
        )
        hub.buses.append(self)

    @property
    def service(self) -> str:
        """The service whose bus this is."""
        return self._codec.service

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
        self._broadcasts.add(Subscription(message_class, handler).topic.name)

    def wants(self, topic: str) -> bool:
        """Whether a topic is handled here."""
        return topic in self._subscriptions and not self._stopped

    def hears_all(self, topic: str) -> bool:
        """Whether every replica gets the records of a topic."""
        return topic in self._broadcasts

    async def publish(
        self, type_: int, login_id: bytes, epoch: int, message: Message, *, patience: float = 0.0
    ) -> None:
        """See `Bus.publish`; waits for nobody."""
        del patience
        if self._hub.away:
            raise Unavailable("Kafka does not answer", reason="kafka_unavailable")
        value = await self._codec.seal(type_, login_id, epoch, message)
        await self._hub.append(rights.TOPICS[type_].name, login_id, value)

    async def take(self, record: Record) -> None:
        """Handles a record."""
        self._pipeline.accept(record, PartitionOffsets())

    async def start(self) -> None:
        """Takes records, also again after a stop."""
        self._stopped = False

    async def stop(self) -> None:
        """Cancels what is parked and takes nothing more."""
        self._stopped = True
        await self._pipeline.drain(0.1)

    async def _dead_letter(self, record: Record, reason: str) -> None:
        self._hub.dead_letters.append((record, reason))
