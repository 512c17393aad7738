"""What a service says it handles, and what it needs in order to publish."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Protocol

from google.protobuf.message import Message
from shirushi import rights

from kit.events import OpenedEvent, type_of

Handler = Callable[[OpenedEvent[Any]], Awaitable[None]]
CONCURRENCY = 64


class Publisher(Protocol):
    """What services need of the bus to publish."""

    async def publish(
        self, type_: int, login_id: bytes, epoch: int, message: Message, *, patience: float = 0.0
    ) -> None:
        """Publishes a fact and returns when Kafka has it; raises Unavailable, KeyGone.

        One for which nobody waits may wait `patience` seconds for others to share a request with.
        """
        ...


@dataclass(frozen=True, slots=True)
class Subscription:
    """One type of event, who handles it here, and how many of them at a time."""

    message_class: type[Message]
    handler: Handler
    concurrency: int = CONCURRENCY

    @property
    def topic(self) -> rights.Topic:
        """The topic of the rights table."""
        return rights.TOPICS[type_of(self.message_class)]
