"""What this process alone knows of a login for a moment: that its answer left, or that nobody can have had it."""

import time
from collections import OrderedDict
from collections.abc import Callable

# As long as a code lives, and longer than a redemption that nobody announced is waited for.
LIFE_SECONDS = 60.0
MOST = 20_000


class Noted:
    """Login ids, each for a minute."""

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self._now = now
        self._held: OrderedDict[bytes, float] = OrderedDict()

    def note(self, login_id: bytes) -> None:
        """Notes a login."""
        now = self._now()
        self._held[login_id] = now
        self._held.move_to_end(login_id)
        while len(self._held) > MOST or now - next(iter(self._held.values())) > LIFE_SECONDS:
            self._held.popitem(last=False)

    def forget(self, login_id: bytes) -> None:
        """Takes a note back."""
        self._held.pop(login_id, None)

    def __contains__(self, login_id: bytes) -> bool:
        return login_id in self._held
