"""Facts on Apache Kafka: published sealed and signed, handled at least once, in order for one login."""

from kit.bus.kafka import Bus
from kit.bus.outcomes import Park
from kit.bus.subscription import Handler, Publisher, Subscription

__all__ = ["Bus", "Handler", "Park", "Publisher", "Subscription"]
