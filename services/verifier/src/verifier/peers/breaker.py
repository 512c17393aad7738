"""Decides when a source that does not answer is left in peace, so that each login does not wait for it in vain."""

import random
from collections.abc import Callable

FAILURES_BEFORE_OPEN = 5
FIRST_PAUSE_SECONDS = 1.0
LONGEST_PAUSE_SECONDS = 10.0


class Breaker:
    """Counts failures of one source; after some in a row one question goes through a pause, the others fail at once.

    Args:
        monotonic: seconds that no clock correction moves; set back, a pause would last as long as the correction is wide.
    """

    def __init__(self, monotonic: Callable[[], float]) -> None:
        self._monotonic = monotonic
        self._failures = 0
        self._closed_again_at = 0.0

    def allows(self) -> bool:
        """Says whether a question may go out now; in an outage that is one question a pause."""
        if self._failures < FAILURES_BEFORE_OPEN:
            return True
        now = self._monotonic()
        if now < self._closed_again_at:
            return False
        # This question is the probe; the next one waits for its outcome or for another pause.
        self._closed_again_at = now + self._pause()
        return True

    def failed(self) -> None:
        """Notes that the source did not answer."""
        self._failures += 1
        if self._failures >= FAILURES_BEFORE_OPEN:
            self._closed_again_at = self._monotonic() + self._pause()

    def succeeded(self) -> None:
        """Notes that the source answered, whatever it said."""
        self._failures = 0

    def _pause(self) -> float:
        doublings = min(self._failures - FAILURES_BEFORE_OPEN, 16)
        longest = min(LONGEST_PAUSE_SECONDS, FIRST_PAUSE_SECONDS * 2.0**doublings)
        return random.uniform(longest / 2, longest)  # noqa: S311 - spreads load, protects nothing
