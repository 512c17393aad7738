"""The browsers that wait at this replica, and what it has heard of logins lately that is for their eyes only."""

import asyncio
from collections import Counter, OrderedDict
from enum import StrEnum

# Enough for what happens in the five minutes that a challenge lives; beyond it the oldest progress is forgotten.
_MOST_REMEMBERED = 20_000
_MOST_ECHOES = 10_000


class Progress(StrEnum):
    """How far a login without an outcome has come. Shown, and never the ground of a decision."""

    ASKED = "asked"
    CLAIMED = "claimed"
    DELAYED = "delayed"
    ANSWERED = "answered"


class WaitingBrowsers:
    """Wakes by login id; nobody is told what has changed, they look again."""

    def __init__(self) -> None:
        self._waiting: dict[bytes, set[asyncio.Event]] = {}
        self._progress: OrderedDict[bytes, Progress] = OrderedDict()
        self._echoes: Counter[bytes] = Counter()

    def enter(self, login_id: bytes) -> asyncio.Event:
        """Returns an event that is set when the login changes; leave with it afterwards."""
        event = asyncio.Event()
        self._waiting.setdefault(login_id, set()).add(event)
        return event

    def leave(self, login_id: bytes, event: asyncio.Event) -> None:
        """Ends a wait."""
        events = self._waiting.get(login_id)
        if events is not None:
            events.discard(event)
            if not events:
                del self._waiting[login_id]

    def wake(self, login_id: bytes) -> None:
        """Wakes everybody who waits for a login."""
        for event in self._waiting.get(login_id, ()):
            event.set()

    def heard(self, login_id: bytes, progress: Progress) -> None:
        """Remembers progress and wakes who waits for it."""
        self._progress[login_id] = progress
        if len(self._progress) > _MOST_REMEMBERED:
            self._progress.popitem(last=False)
        self.wake(login_id)

    def progress(self, login_id: bytes) -> Progress:
        """Returns how far a login has come, as far as this replica has heard."""
        return self._progress.get(login_id, Progress.ASKED)

    def expect_echo(self, login_id: bytes) -> None:
        """Notes that what is told to every replica now will come back to this one, which knows it already."""
        if len(self._echoes) >= _MOST_ECHOES:
            self._echoes.clear()
        self._echoes[login_id] += 1

    def is_echo(self, login_id: bytes) -> bool:
        """Tells, once, whether news of a login are this replica's own."""
        if not self._echoes.get(login_id):
            return False
        self._echoes[login_id] -= 1
        if not self._echoes[login_id]:
            del self._echoes[login_id]
        return True
