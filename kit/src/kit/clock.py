"""Where the time comes from, so that a test can hold it still."""

import time
from collections.abc import Callable
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


class LatestTime:
    """What the time may be at the latest: for what has to end on time, whatever is done to the clock.

    Each reading of the clock goes on by the monotonic seconds, which nobody sets; the one that has come furthest counts.
    So a clock that was set back changes nothing, and a machine that slept, where those seconds may have stood still,
    does not get the time back that its clock had seen pass.

    A clock that was ahead for a moment would be followed for ever: whoever finds it far behind ends at once all that it
    wanted to end on time, and believes it again from there.
    """

    def __init__(self, clock: Clock, monotonic: Callable[[], float]) -> None:
        self._clock = clock
        self._monotonic = monotonic
        self._lead = clock.now() - monotonic()

    def now(self) -> float:
        """Return Unix seconds: never less than the clock says, nor than was returned before."""
        clock, monotonic = self._clock.now(), self._monotonic()
        self._lead = max(self._lead, clock - monotonic)
        # The sum may be rounded to just below the reading that it was made of.
        return max(clock, self._lead + monotonic)

    def behind(self) -> float:
        """Return by how many seconds the clock is behind."""
        return self.now() - self._clock.now()

    def believe_clock(self) -> None:
        """Forget every earlier reading; nothing may be left that was to end by one of them."""
        self._lead = self._clock.now() - self._monotonic()
