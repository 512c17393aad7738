"""What the decisions about logins need of the world outside."""

from dataclasses import dataclass
from typing import Protocol

from gateway.domain.login import Login, State


class Gone(Exception):
    """The login is not there, or nobody can read it any more."""


class Changed(Exception):
    """Somebody else changed the login since it was read."""


@dataclass(frozen=True, slots=True)
class Stored:
    """A login as it was read, with what compare-and-set needs."""

    login_id: bytes
    epoch: int
    state: State
    login: Login
    version: object
    # When the sweeper looks at it next; a change says it anew.
    due_at: float | None = None


class Logins(Protocol):
    """Where logins rest. All raise Unavailable while the database is away."""

    async def add(self, login_id: bytes, epoch: int, login: Login, *, due_at: float) -> Stored:
        """Stores a new login in state WAITING."""
        ...

    async def find(self, login_id: bytes, *, fresh: bool = False) -> Stored:
        """Reads a login; raises Gone.

        Without `fresh` what comes may be a moment old. Compare-and-set finds that out; an answer that rests on what a
        login has not reached yet must be given on a fresh read.
        """
        ...

    async def change(
        self,
        stored: Stored,
        state: State,
        login: Login,
        *,
        due_at: float | None,
        expires_at: float | None = None,
        patience: float = 0.0,
    ) -> Stored:
        """Stores the next state, to be deleted at `expires_at` if that is earlier than before; raises Changed, Gone.

        A change that nobody waits for may wait `patience` seconds for others to go with.
        """
        ...

    async def take_due(self, limit: int) -> list[Stored]:
        """Takes a lease on logins that something is due for."""
        ...


@dataclass(frozen=True, slots=True)
class IssuedChallenge:
    """What tokens are built from."""

    handle: bytes
    link_secret: bytes
    qr_secret: bytes


class Challenges(Protocol):
    """The challenge service."""

    async def issue(
        self,
        login_id: bytes,
        epoch: int,
        *,
        sheets: dict[str, bytes],
        expires_at: float,
        verdict_due_at: float,
        network: bytes,
    ) -> IssuedChallenge:
        """Issues the challenge of a login; raises Unavailable."""
        ...

    async def withdraw(self, login_id: bytes, epoch: int) -> bool | None:
        """Withdraws an unanswered challenge; returns whether it was claimed, or None when it has been answered."""
        ...

    async def post_notice(self, login_id: bytes, epoch: int, notice: bytes) -> None:
        """Hands the phone's notice over; raises Unavailable."""
        ...


class Pseudonyms(Protocol):
    """The pseudonym service."""

    async def derive_sub(
        self, login_id: bytes, epoch: int, *, sealed_subject: bytes, label: bytes, blind: bytes, key_version: int
    ) -> str:
        """Returns the pairwise subject; raises Unavailable or ShirushiError when it is refused."""
        ...


class Facts(Protocol):
    """What the gateway tells the others; raises Unavailable, KeyGone."""

    async def requested(self, stored: Stored, *, again: bool = False) -> None:
        """Publishes LoginRequested; `again` says that it was probably published before."""
        ...

    async def progressed(self, stored: Stored) -> None:
        """Tells all replicas to look at a login again."""
        ...

    async def concluded(self, stored: Stored) -> None:
        """Publishes LoginConcluded, with the outcome that the login's state says."""
        ...
