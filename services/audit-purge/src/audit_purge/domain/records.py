"""What is recorded of a login for the hour: who asked, and what was answered; nothing about the holder.

A login has at most two records, each written once: the two facts arrive on topics that have no order between them, and
any number of times, so each has a place of its own and the first of each is kept.
"""

from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class LoginRequest:
    """Who asked, for which scopes, and when (Unix milliseconds)."""

    client_id: str
    scopes: tuple[str, ...]
    requested_at_ms: int


@dataclass(frozen=True, slots=True)
class LoginConclusion:
    """How a login ended: `outcome` is completed, refused or expired; `detail` the reason's or stage's name.

    Reasons and stages that this version does not know are kept by number, so that a newer gateway's lose nothing.
    """

    outcome: str
    detail: str
    requested_at_ms: int
    concluded_at_ms: int


class Records(Protocol):
    """Where records rest, sealed, until their epoch's keys die."""

    async def keep_request(self, login_id: bytes, epoch: int, request: LoginRequest) -> bool:
        """Keeps the first request of a login; says whether this was it.

        Raises:
            ShirushiError: UNAVAILABLE when the store is away.
        """
        ...

    async def keep_conclusion(self, login_id: bytes, epoch: int, conclusion: LoginConclusion) -> bool:
        """Keeps the first conclusion of a login; says whether this was it.

        Raises:
            ShirushiError: UNAVAILABLE when the store is away.
        """
        ...
