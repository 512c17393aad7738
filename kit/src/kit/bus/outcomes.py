"""What a handler may answer about an event besides returning, and how long it is tried again."""

import random

FIRST_RETRY_SECONDS = 0.05
LONGEST_RETRY_SECONDS = 5.0
TRIES_BEFORE_DEAD_LETTER = 5
# A dead letter that the broker refuses, for rights or size, holds back the commits of its partition so often; with the
# pauses between that is about half a minute.
TRIES_BEFORE_LOST = 12


class Park(Exception):
    """The event cannot be handled yet; it is tried again after about so many seconds, until its epoch's key is gone."""

    def __init__(self, seconds: float) -> None:
        super().__init__(seconds)
        self.seconds = seconds


def retry_pause(attempt: int) -> float:
    """Returns a jittered, doubling pause in seconds; attempts count from 0."""
    longest = min(LONGEST_RETRY_SECONDS, FIRST_RETRY_SECONDS * 2.0 ** min(attempt, 20))
    return random.uniform(longest / 2, longest)  # noqa: S311 - spreads load, protects nothing
