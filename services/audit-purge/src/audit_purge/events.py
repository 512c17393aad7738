"""Translates the gateway's facts into records (who asked, what was answered), and receipts into facts."""

from collections.abc import Callable
from typing import Any, Protocol

from kit.bus import Publisher
from kit.events import EventRejected, OpenedEvent
from shirushi.bus.v1 import envelope_pb2 as bus
from shirushi.gateway.v1.events_pb2 import LoginConcluded, LoginRequested, Stage
from shirushi.verifier.v1.events_pb2 import Reason

from audit_purge import receipts
from audit_purge.domain.receipt import Receipt
from audit_purge.domain.records import LoginConclusion, LoginRequest, Records

_MAX_CLIENT_ID = 256
_MAX_SCOPES = 32
_MAX_SCOPE = 128


class Counter(Protocol):
    """Counts recorded facts by kind and whether they were the first."""

    def __call__(self, fact: str, outcome: str) -> None:
        """Counts one."""
        ...


class BusAnnouncer:
    """Publishes receipts for whoever follows the topic; they concern no login."""

    def __init__(self, publisher: Publisher) -> None:
        self._publisher = publisher

    async def announce(self, receipt: Receipt) -> None:
        """See `audit_purge.purge.Announcer`."""
        await self._publisher.publish(bus.EVENT_TYPE_PURGE_RECEIPT, b"", receipt.epoch, receipts.to_message(receipt))


class Recorder:
    """Handles `login.requested` and `login.concluded`, each any number of times and in any order."""

    def __init__(self, records: Records, count: Counter) -> None:
        self._records = records
        self._count = count

    async def login_requested(self, event: OpenedEvent[Any]) -> None:
        """Records who asked.

        Raises:
            EventRejected: it says nothing that could be recorded.
            Unavailable: the store is away; the event is to be handled again.
        """
        first = await self._records.keep_request(event.login_id, event.epoch, request_of(event.message))
        self._count("requested", "recorded" if first else "repeated")

    async def login_concluded(self, event: OpenedEvent[Any]) -> None:
        """Records what was answered; the first conclusion is kept.

        Raises:
            EventRejected: it names no outcome.
            Unavailable: the store is away; the event is to be handled again.
        """
        conclusion = conclusion_of(event.message)
        first = await self._records.keep_conclusion(event.login_id, event.epoch, conclusion)
        # Operators need to see at which stage logins end; reasons of refusals are the verifier's figure.
        stage = f"_{conclusion.detail.lower()}" if conclusion.outcome == "expired" else ""
        self._count(f"{conclusion.outcome}{stage}", "recorded" if first else "repeated")


def request_of(message: LoginRequested) -> LoginRequest:
    """Reads who asked; bounded, since what is recorded came over the wire.

    Raises:
        EventRejected: no client id, or one or a scope too long, or too many scopes.
    """
    if not 1 <= len(message.client_id) <= _MAX_CLIENT_ID:
        raise EventRejected("client_id_size")
    if len(message.scopes) > _MAX_SCOPES or any(len(scope) > _MAX_SCOPE for scope in message.scopes):
        raise EventRejected("scopes_size")
    return LoginRequest(message.client_id, tuple(message.scopes), message.requested_at_ms)


def conclusion_of(message: LoginConcluded) -> LoginConclusion:
    """Reads what was answered; reasons and stages of a later version are kept by number.

    Raises:
        EventRejected: no outcome that this version knows.
    """
    outcome = message.WhichOneof("outcome")
    match outcome:
        case "completed":
            detail = ""
        case "refused":
            detail = _name(Reason.Name, message.refused.reason, "REASON_")
        case "expired":
            detail = _name(Stage.Name, message.expired.stage, "STAGE_")
        case _:
            raise EventRejected("outcome_unknown")
    return LoginConclusion(outcome, detail, message.requested_at_ms, message.concluded_at_ms)


def _name(name_of: Callable[[Any], str], number: int, prefix: str) -> str:
    try:
        return name_of(number).removeprefix(prefix).lower()
    except ValueError:
        return str(number)
