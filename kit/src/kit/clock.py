"""Where the time comes from, so that a test can hold it still."""

import time
from typing import Protocol


class Clock(Protocol):
    """Tells the time as Unix seconds."""

    def now(self) -> float:
        """Return Unix seconds."""
        ...


class SystemClock:
    """The clock of the machine."""

    def now(self) -> float:
        """Return Unix seconds."""
        return time.time()


class FixedClock:
    """A clock that moves only when it is told to."""

    def __init__(self, t: float) -> None:
        self.t = t

    def now(self) -> float:
        """Return Unix seconds."""
        return self.t

    def advance(self, seconds: float) -> None:
        """Let time pass."""
        self.t += seconds
