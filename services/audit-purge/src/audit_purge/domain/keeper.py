"""Decides which epochs are open, what a service gets of them, and when a secret is destroyed.

The keeper holds the secret of the oldest open epoch only and derives the others from it when asked. It moves forward
alone: an epoch that was left never comes back, whatever the clock says later. Where the clock turns out to be wrong, or
to have been wrong, the chain ends and another one begins: a secret is destroyed rather than kept too long.
"""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Protocol

from kit.clock import Clock, LatestTime
from kit.errors import Code, ShirushiError
from kit.hour import CLOCK_BEHIND_MINUTES, Hour

from audit_purge.domain.ratchet import SECRET_BYTES, commitment_to, next_secret, share_of, wipe

CHAIN_ID_BYTES = 16
# How far ahead shares are handed out: a service works through so many minutes without this one, less five to notice.
AHEAD_MINUTES = 15
# A saved chain that stands further back was left by an earlier life (or by another length of the hour) and is dropped.
MAX_EPOCHS_BEHIND = 180


@dataclass(frozen=True, slots=True, repr=False)
class Share:
    """A service's share of an epoch, and the epoch's public commitment."""

    epoch: int
    share: bytes
    commitment: bytes


@dataclass(frozen=True, slots=True)
class Commitment:
    """The public commitment to the secret of an epoch."""

    epoch: int
    commitment: bytes


@dataclass(frozen=True, slots=True)
class Destroyed:
    """That the secret of an epoch was overwritten, when (Unix seconds), and the public commitment to it."""

    epoch: int
    destroyed_at: float
    commitment: bytes
    chain_id: bytes


@dataclass(slots=True, repr=False)
class Chain:
    """A chain of secrets: its id, where it began, and the secret of the epoch it stands at."""

    chain_id: bytes
    first_epoch: int
    epoch: int
    secret: bytearray

    def __post_init__(self) -> None:
        """Refuses a chain that cannot be one.

        Raises:
            ValueError: an id or secret of another length, or a position before the beginning.
        """
        if len(self.chain_id) != CHAIN_ID_BYTES or len(self.secret) != SECRET_BYTES:
            raise ValueError("the chain id or its secret has the wrong length")
        if not 0 <= self.first_epoch <= self.epoch:
            raise ValueError("the chain stands before its own beginning")


class ChainState(Protocol):
    """Memory-backed storage of the chain and of what was destroyed but has no receipt yet."""

    def load(self) -> tuple[Chain, list[Destroyed]] | None:
        """Returns what was saved, or nothing when it is lost or was never there."""
        ...

    def save(self, chain: Chain, unreceipted: list[Destroyed]) -> None:
        """Replaces what was saved; what stood there before is overwritten. Raises OSError when there is no room."""
        ...

    def drop(self) -> None:
        """Overwrites what was saved and leaves nothing."""
        ...


class Keeper:
    """The one holder of the open epochs' secrets."""

    def __init__(
        self,
        hour: Hour,
        clock: Clock,
        state: ChainState,
        randomness: Callable[[int], bytes],
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        """Takes up the saved chain; where there is no usable one a new one with a new id begins at the current epoch.

        Epochs before the beginning of a new chain can be opened by nobody any more: when the state is lost, the logins
        of the hour are lost and nothing else. `randomness` returns so many secret random bytes, `monotonic` seconds
        that no clock correction moves.
        """
        self._hour = hour
        self._time = LatestTime(clock, monotonic)
        self._state = state
        self._randomness = randomness
        self._unreceipted: list[Destroyed] = []
        self._public: dict[int, bytes] = {}
        self._unsaved = False
        saved = state.load()
        if saved is not None:
            self._chain, self._unreceipted = saved
        self.is_new = saved is None or not self._stands_near_now()
        if self.is_new:
            if saved is not None:
                wipe(self._chain.secret)
            self._chain = self._new_chain()
            state.save(self._chain, self._unreceipted)
        self.destroy_due()

    @property
    def chain_id(self) -> bytes:
        """The id of the chain, 16 bytes."""
        return self._chain.chain_id

    @property
    def first_epoch(self) -> int:
        """Where the chain began."""
        return self._chain.first_epoch

    @property
    def unreceipted(self) -> tuple[Destroyed, ...]:
        """What was destroyed and has no receipt yet, oldest first."""
        return tuple(self._unreceipted)

    def open_epochs(self) -> range:
        """The epochs that shares are handed out for now: from the oldest whose deadline is not past to 15 min ahead."""
        now = self._time.now()
        newest = self._hour.epoch_of(now + self._hour.minutes(AHEAD_MINUTES))
        oldest = max(self._chain.epoch, oldest_open_epoch(self._hour, now))
        return range(oldest, newest + 1)

    def shares(self, service: str, first_epoch: int, last_epoch: int) -> list[Share]:
        """The service's own shares of those asked epochs that are open; possibly none.

        The caller decides who the service is; nothing here does.

        Raises:
            ShirushiError: INVALID_ARGUMENT when last_epoch is before first_epoch.
        """
        if last_epoch < first_epoch:
            raise ShirushiError(Code.INVALID_ARGUMENT, "last_epoch is before first_epoch", reason="epochs_reversed")
        window = self.open_epochs()
        asked = range(max(window.start, first_epoch), min(window.stop, last_epoch + 1))
        return [
            Share(epoch, share_of(secret, service), commitment_to(secret)) for epoch, secret in self._secrets(asked)
        ]

    def commitments(self) -> list[Commitment]:
        """The public commitments of the open epochs; they are remembered, since anyone may ask for them."""
        window = self.open_epochs()
        self._public = {epoch: public for epoch, public in self._public.items() if epoch in window}
        missing = range(max(self._public, default=window.start - 1) + 1, window.stop)
        self._public |= {epoch: commitment_to(secret) for epoch, secret in self._secrets(missing)}
        return [Commitment(epoch, self._public[epoch]) for epoch in window]

    def seconds_to_deadline(self) -> float:
        """How long until the next epoch has to be destroyed, by the time that it is destroyed by."""
        return self._hour.key_deadline(self.open_epochs().start) - self._time.now()

    def destroy_due(self) -> list[Destroyed]:
        """Overwrites the secret of every epoch whose key deadline has come, and returns those epochs.

        They stay in `unreceipted`, also over a restart, until `receipted` is told of them. The new state is saved
        before this returns. Where it cannot be saved the older one is overwritten all the same, since what is due could
        be read from it; the next call tries again, and until then a restart begins a new chain.

        Where the clock is so far behind that it was wrong, now or before, all secrets are overwritten, and a new chain
        with a new id begins at the clock's epoch. The epochs that were still open get no receipt, like those of a lost
        chain.

        Raises:
            OSError: the new state could not be saved; what was due is destroyed.
        """
        now = self._time.now()
        oldest = oldest_open_epoch(self._hour, now)
        clock_was_wrong = self._time.behind() > self._hour.minutes(CLOCK_BEHIND_MINUTES)
        if self._chain.epoch >= oldest and not clock_was_wrong and not self._unsaved:
            return []
        destroyed: list[Destroyed] = []
        while self._chain.epoch < oldest:
            secret = self._chain.secret
            destroyed.append(Destroyed(self._chain.epoch, now, commitment_to(secret), self._chain.chain_id))
            self._chain.secret = next_secret(secret)
            wipe(secret)
            self._chain.epoch += 1
        self._unreceipted.extend(destroyed)
        if clock_was_wrong:
            self._begin_anew()
        self._unsaved = True
        try:
            self._state.save(self._chain, self._unreceipted)
        except OSError:
            self._state.drop()
            raise
        self._unsaved = False
        return destroyed

    def receipted(self, destroyed: Destroyed) -> None:
        """Forgets a destroyed epoch once its receipt is written."""
        self._unreceipted.remove(destroyed)
        self._state.save(self._chain, self._unreceipted)

    def _begin_anew(self) -> None:
        wipe(self._chain.secret)
        self._public.clear()
        self._time.believe_clock()
        self._chain = self._new_chain()

    def _new_chain(self) -> Chain:
        epoch = self._hour.epoch_of(self._time.now())
        return Chain(self._randomness(CHAIN_ID_BYTES), epoch, epoch, bytearray(self._randomness(SECRET_BYTES)))

    def _secrets(self, epochs: range) -> Iterator[tuple[int, bytearray]]:
        """Walks the chain from where it stands; each secret is overwritten when the walk goes on or ends."""
        secret = bytearray(self._chain.secret)
        try:
            for epoch in range(self._chain.epoch, epochs.stop):
                if epoch in epochs:
                    yield epoch, secret
                following = next_secret(secret)
                wipe(secret)
                secret = following
        finally:
            wipe(secret)

    def _stands_near_now(self) -> bool:
        """Whether the chain can be walked to now; one that stands ahead of the clock is dropped rather than kept.

        A chain that has moved tells how late it was then: the deadline of the epoch before had passed.
        """
        now = self._time.now()
        oldest = oldest_open_epoch(self._hour, now)
        if self._chain.epoch > self._chain.first_epoch:
            was = self._hour.key_deadline(self._chain.epoch - 1)
            if was - now > self._hour.minutes(CLOCK_BEHIND_MINUTES):
                return False
        return oldest - MAX_EPOCHS_BEHIND <= self._chain.epoch <= self._hour.epoch_of(now)


def oldest_open_epoch(hour: Hour, now: float) -> int:
    """The first epoch whose key deadline is still ahead of `now`."""
    epoch = max(hour.epoch_of(now - hour.seconds) - 1, 0)
    while hour.key_deadline(epoch) <= now:
        epoch += 1
    return epoch
