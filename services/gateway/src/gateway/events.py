"""Translates the facts that the gateway reads into calls of the decisions about logins."""

from collections.abc import Callable
from typing import Protocol

from google.protobuf.message import Message
from kit.bus import Handler
from kit.events import OpenedEvent
from kit.log import get_logger
from shirushi.challenge.v1 import events_pb2 as challenge
from shirushi.gateway.v1 import events_pb2 as gateway
from shirushi.verifier.v1 import events_pb2 as verifier

from gateway.domain.verdicts import Verdicts
from gateway.waiting import Progress, WaitingBrowsers

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

    def __init__(self, verdicts: Verdicts, waiting: WaitingBrowsers, forget: Callable[[bytes], None]) -> None:
        self._verdicts = verdicts
        self._waiting = waiting
        self._forget = forget

    def subscribe(self, bus: Subscriber) -> None:
        """Registers every handler."""
        bus.subscribe(challenge.ChallengeCancelled, self.cancelled)
        bus.subscribe(verifier.VerificationCompleted, self.completed)
        # Progress changes no login and is for whoever waits, so every replica hears it and nobody stores it.
        bus.broadcast(challenge.ChallengeClaimed, self.claimed)
        bus.broadcast(verifier.VerificationDelayed, self.delayed)
        bus.broadcast(gateway.LoginProgressed, self.progressed)

    async def claimed(self, event: OpenedEvent[challenge.ChallengeClaimed]) -> None:
        """A phone has claimed the challenge."""
        self._waiting.heard(event.login_id, Progress.CLAIMED)

    async def delayed(self, event: OpenedEvent[verifier.VerificationDelayed]) -> None:
        """The verifier waits for a revocation source."""
        self._waiting.heard(event.login_id, Progress.DELAYED)

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
        if self._waiting.is_echo(event.login_id):
            return
        self._forget(event.login_id)
        self._waiting.wake(event.login_id)
