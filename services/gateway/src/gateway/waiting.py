"""The browsers that wait at this replica, each woken when its login has changed."""

import asyncio


class WaitingBrowsers:
    """Wakes by login id; nobody is told what has changed, they look again."""

    def __init__(self) -> None:
        self._waiting: dict[bytes, set[asyncio.Event]] = {}

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
