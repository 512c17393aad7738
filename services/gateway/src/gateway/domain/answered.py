"""Which redemptions this process has answered, so that a code that comes again is known to come from somewhere else."""

import time
from collections import OrderedDict
from collections.abc import Callable

# Longer than a redemption that nobody announced is waited for; after that the store alone decides.
LIFE_SECONDS = 60.0
MOST = 20_000


class Answered:
    """Login ids, each for a minute."""

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self._now = now
        self._held: OrderedDict[bytes, float] = OrderedDict()

    def note(self, login_id: bytes) -> None:
        """Notes a login whose tokens are on their way to the relying party."""
        now = self._now()
        self._held[login_id] = now
        self._held.move_to_end(login_id)
        while len(self._held) > MOST or now - next(iter(self._held.values())) > LIFE_SECONDS:
            self._held.popitem(last=False)

    def __contains__(self, login_id: bytes) -> bool:
        return login_id in self._held
