"""Lets facts that are in no hurry leave together: sent in one turn of the loop they share a request to the broker."""

import asyncio


class Company:
    """A meeting point: who waits leaves with everybody else who has come meanwhile."""

    def __init__(self) -> None:
        self._departure: asyncio.Future[None] | None = None

    async def wait(self, patience: float) -> None:
        """Returns when the first of those who wait here has waited `patience` seconds."""
        if self._departure is None:
            loop = asyncio.get_running_loop()
            self._departure = loop.create_future()
            loop.call_later(patience, self._leave)
        # Shielded: one that is cancelled must not take the others with it.
        await asyncio.shield(self._departure)

    def _leave(self) -> None:
        departure, self._departure = self._departure, None
        if departure is not None and not departure.done():
            departure.set_result(None)
