"""What a handler may answer about an event besides returning, and how long it is tried again."""

from kit.runtime import backoff

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
    return backoff(attempt, first=FIRST_RETRY_SECONDS, longest=LONGEST_RETRY_SECONDS)
