"""Translates the facts that the gateway reads into calls of the decisions about logins."""

from collections.abc import Callable
from typing import Protocol

from google.protobuf.message import Message
from kit.bus import Handler
from kit.clock import Clock
from kit.events import OpenedEvent
from kit.log import get_logger
from shirushi.challenge.v1 import events_pb2 as challenge
from shirushi.gateway.v1 import events_pb2 as gateway
from shirushi.verifier.v1 import events_pb2 as verifier

from gateway.domain.verdicts import Verdicts

_log = get_logger()
_HOLDER_REASONS = {
    challenge.CANCEL_REASON_PIN_LOCKED: verifier.REASON_PIN_LOCKED,
}


class Subscriber(Protocol):
    """What of the bus is used here."""

    def subscribe(self, message_class: type[Message], handler: Handler) -> None:
        """Handles a type in the service's group."""
        ...

    def broadcast(self, message_class: type[Message], handler: Handler) -> None:
        """Handles a type in every replica."""
        ...


class Events:
    """The gateway's handlers."""

    def __init__(self, verdicts: Verdicts, wake: Callable[[bytes], None], clock: Clock) -> None:
        self._verdicts = verdicts
        self._wake = wake
        self._clock = clock

    def subscribe(self, bus: Subscriber) -> None:
        """Registers every handler."""
        bus.subscribe(challenge.ChallengeClaimed, self.claimed)
        bus.subscribe(challenge.ChallengeCancelled, self.cancelled)
        bus.subscribe(verifier.VerificationDelayed, self.delayed)
        bus.subscribe(verifier.VerificationCompleted, self.completed)
        bus.broadcast(gateway.LoginProgressed, self.progressed)

    async def claimed(self, event: OpenedEvent[challenge.ChallengeClaimed]) -> None:
        """A phone has claimed the challenge: progress for the log only, the browser's page says so by itself."""
        _log.info("challenge_claimed", login_id=event.login_id.hex())

    async def delayed(self, event: OpenedEvent[verifier.VerificationDelayed]) -> None:
        """The verifier waits for a revocation source."""
        _log.info("verification_delayed", login_id=event.login_id.hex(), attempts=event.message.attempts)

    async def cancelled(self, event: OpenedEvent[challenge.ChallengeCancelled]) -> None:
        """Holder or browser gave up."""
        if event.message.by == challenge.CANCELLED_BY_BROWSER:
            # The gateway withdrew it itself, because of the form or because its time was up, and knows which.
            return
        reason = _HOLDER_REASONS.get(event.message.reason, verifier.REASON_CANCELLED_BY_HOLDER)
        await self._verdicts.refuse(event.login_id, reason)

    async def completed(self, event: OpenedEvent[verifier.VerificationCompleted]) -> None:
        """The verdict is here."""
        await self._verdicts.completed(event.login_id, event.message)
        _log.info("verdict_taken", login_id=event.login_id.hex(), outcome=event.message.WhichOneof("outcome") or "")

    async def progressed(self, event: OpenedEvent[gateway.LoginProgressed]) -> None:
        """Some replica has changed a login that a browser may be waiting for here."""
        self._wake(event.login_id)
