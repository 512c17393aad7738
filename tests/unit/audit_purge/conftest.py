import itertools

import pytest
from audit_purge.domain.keeper import Chain, Destroyed, Keeper
from kit.clock import FixedClock
from kit.hour import Hour

# The start of an epoch of one minute.
T0 = 1_763_856_000.0


class RememberedState:
    """Chain state that outlives a keeper, as the memory-backed file does."""

    def __init__(self) -> None:
        self.saved: tuple[Chain, list[Destroyed]] | None = None
        self.saves = 0

    def load(self):
        if self.saved is None:
            return None
        chain, unreceipted = self.saved
        return Chain(chain.chain_id, chain.first_epoch, chain.epoch, bytearray(chain.secret)), list(unreceipted)

    def save(self, chain, unreceipted):
        self.saves += 1
        self.saved = (
            Chain(chain.chain_id, chain.first_epoch, chain.epoch, bytearray(chain.secret)),
            list(unreceipted),
        )

    def drop(self):
        self.saved = None


def counting_randomness():
    """Different bytes at every call, the same in every test."""
    calls = itertools.count(1)
    return lambda size: bytes([next(calls)]) * size


@pytest.fixture
def hour():
    return Hour()


@pytest.fixture
def clock():
    return FixedClock(T0)


@pytest.fixture
def elapsed():
    """The seconds that nobody sets; they stand still unless a test moves them, so that its clock is to be believed."""
    return FixedClock(0.0)


@pytest.fixture
def state():
    return RememberedState()


@pytest.fixture
def randomness():
    return counting_randomness()


@pytest.fixture
def keeper(hour, clock, state, randomness, elapsed):
    return Keeper(hour, clock, state, randomness, elapsed.now)
