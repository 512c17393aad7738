"""What the gateway publishes."""

from kit.bus import Publisher
from shirushi.bus.v1 import envelope_pb2 as bus
from shirushi.gateway.v1 import events_pb2 as pb
from shirushi.verifier.v1 import events_pb2 as verifier

from gateway.domain.login import State
from gateway.domain.ports import Stored
from gateway.waiting import WaitingBrowsers

_PATIENCE_SECONDS = 0.05


class PublishedFacts:
    """See `gateway.domain.ports.Facts`."""

    def __init__(self, publisher: Publisher, waiting: WaitingBrowsers) -> None:
        self._publisher = publisher
        self._waiting = waiting

    async def requested(self, stored: Stored, *, again: bool = False) -> None:  # noqa: ARG002 - consumers keep the first
        """Publishes LoginRequested."""
        login = stored.login
        message = pb.LoginRequested(
            client_id=login.client_id, scopes=login.scopes, requested_at_ms=int(login.requested_at * 1000)
        )
        await self._publisher.publish(bus.EVENT_TYPE_LOGIN_REQUESTED, stored.login_id, stored.epoch, message)

    async def progressed(self, stored: Stored) -> None:
        """Wakes the browsers that wait here at once, and publishes LoginProgressed for the other replicas."""
        self._waiting.wake(stored.login_id)
        self._waiting.expect_echo(stored.login_id)
        try:
            await self._publisher.publish(
                bus.EVENT_TYPE_LOGIN_PROGRESSED, stored.login_id, stored.epoch, pb.LoginProgressed()
            )
        except BaseException:
            # What was not published does not come back; the next news would be taken for it.
            self._waiting.is_echo(stored.login_id)
            raise

    async def concluded(self, stored: Stored) -> None:
        """Publishes LoginConcluded."""
        login = stored.login
        message = pb.LoginConcluded(
            requested_at_ms=int(login.requested_at * 1000), concluded_at_ms=int(login.concluded_at * 1000)
        )
        match stored.state:
            case State.REDEEMED:
                message.completed.SetInParent()
            case State.REFUSED:
                message.refused.reason = verifier.Reason.ValueType(login.reason)
            case State.EXPIRED:
                message.expired.stage = pb.Stage.ValueType(login.stage)
            case _:
                raise ValueError("a login without an outcome is not concluded")
        # It is stored and goes into a record that nobody reads within the second.
        await self._publisher.publish(
            bus.EVENT_TYPE_LOGIN_CONCLUDED, stored.login_id, stored.epoch, message, patience=_PATIENCE_SECONDS
        )
