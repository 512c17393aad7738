"""Translates the gateway's facts into records: who asked, and what was answered."""

from typing import Protocol

from shirushi.gateway.v1.events_pb2 import LoginConcluded, LoginRequested, Stage
from shirushi.verifier.v1.events_pb2 import Reason

from kit.events import EventRejected, OpenedEvent

from audit_purge.domain.records import LoginConclusion, LoginRequest, Records

_MAX_CLIENT_ID = 256
_MAX_SCOPES = 32
_MAX_SCOPE = 128


class Counter(Protocol):
    """Counts recorded facts by kind and whether they were the first."""

    def __call__(self, fact: str, outcome: str) -> None:
        """Counts one."""
        ...


class Recorder:
    """Handles `login.requested` and `login.concluded`, each any number of times and in any order."""

    def __init__(self, records: Records, count: Counter) -> None:
        self._records = records
        self._count = count

    async def login_requested(self, event: OpenedEvent) -> None:
        """Records who asked.

        Raises:
            EventRejected: it says nothing that could be recorded.
            Unavailable: the store is away; the event is to be handled again.
        """
        first = await self._records.keep_request(event.login_id, event.epoch, request_of(event.message))
        self._count("requested", "recorded" if first else "repeated")

    async def login_concluded(self, event: OpenedEvent) -> None:
        """Records what was answered; the first conclusion is kept.

        Raises:
            EventRejected: it names no outcome.
            Unavailable: the store is away; the event is to be handled again.
        """
        conclusion = conclusion_of(event.message)
        first = await self._records.keep_conclusion(event.login_id, event.epoch, conclusion)
        self._count(conclusion.outcome, "recorded" if first else "repeated")


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
            detail = _name(Reason, message.refused.reason, "REASON_")
        case "expired":
            detail = _name(Stage, message.expired.stage, "STAGE_")
        case _:
            raise EventRejected("outcome_unknown")
    return LoginConclusion(outcome, detail, message.requested_at_ms, message.concluded_at_ms)


def _name(enum: "Names", number: int, prefix: str) -> str:
    try:
        return enum.Name(number).removeprefix(prefix).lower()
    except ValueError:
        return str(number)


class Names(Protocol):
    """A generated enum."""

    def Name(self, number: int) -> str:  # noqa: N802 - protobuf's name
        """Returns the name of a number; ValueError when it has none."""
        ...
