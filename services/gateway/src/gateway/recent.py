"""What this replica has read or written of logins in the last moment, so that one request after the other need not read it.

Safe because every decision is made by compare-and-set: a stale login loses and is read again. Bounded in time because what
it holds speaks of people.
"""

import time
from collections import OrderedDict
from collections.abc import Callable

from gateway.domain.ports import Stored

LIFE_SECONDS = 2.0
MOST = 4096


class RecentLogins:
    """Logins by id, each for a moment."""

    def __init__(self, now: Callable[[], float] = time.monotonic, *, life: float = LIFE_SECONDS) -> None:
        self._now = now
        self._life = life
        self._held: OrderedDict[bytes, tuple[float, Stored]] = OrderedDict()

    def get(self, login_id: bytes) -> Stored | None:
        """Returns a login that was seen a moment ago."""
        held = self._held.get(login_id)
        if held is None or self._now() - held[0] > self._life:
            return None
        return held[1]

    def keep(self, stored: Stored) -> Stored:
        """Keeps a login as it was just read or written, and returns it."""
        self._held[stored.login_id] = (self._now(), stored)
        self._held.move_to_end(stored.login_id)
        if len(self._held) > MOST:
            self._held.popitem(last=False)
        self.forget_old()
        return stored

    def forget(self, login_id: bytes) -> None:
        """Forgets a login that somebody else has changed."""
        self._held.pop(login_id, None)

    def forget_old(self) -> None:
        """Lets go of what is too old to be used."""
        oldest_useful = self._now() - self._life
        while self._held:
            login_id, (at, _) = next(iter(self._held.items()))
            if at >= oldest_useful:
                return
            del self._held[login_id]
