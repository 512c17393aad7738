"""What the gateway counts; no label names a client, a sector or a login."""

from kit.telemetry import Telemetry

from gateway.domain.login import State
from gateway.domain.ports import Facts, Stored


class CountedFacts:
    """Publishes, and counts how logins begin and end."""

    def __init__(self, inner: Facts, telemetry: Telemetry) -> None:
        self._inner = inner
        self._started = telemetry.counter("logins_started_total", "Accepted authorization requests.")
        self._concluded = telemetry.counter("logins_concluded_total", "Published conclusions.", ("outcome",))
        self._seconds = telemetry.histogram(
            "login_seconds",
            "From the accepted request to the conclusion.",
            buckets=(0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 900, 3600),
        )

    async def requested(self, stored: Stored, *, again: bool = False) -> None:
        """Publishes LoginRequested, and counts the login at the first try: it is stored and ends, published or not."""
        if not again:
            self._started.inc()
        await self._inner.requested(stored, again=again)

    async def progressed(self, stored: Stored) -> None:
        """Publishes LoginProgressed."""
        await self._inner.progressed(stored)

    async def concluded(self, stored: Stored) -> None:
        """Publishes LoginConcluded."""
        await self._inner.concluded(stored)
        outcome = "completed" if stored.state is State.REDEEMED else stored.state.value
        self._concluded.labels(outcome).inc()
        if stored.state is State.REDEEMED:
            self._seconds.observe(stored.login.concluded_at - stored.login.requested_at)


class RequestMetrics:
    """Times answered requests of the public surface."""

    def __init__(self, telemetry: Telemetry) -> None:
        self._seconds = telemetry.histogram(
            "gateway_request_seconds", "Time to answer a request, by route and status.", ("route", "status")
        )

    def __call__(self, route: str, status: int, seconds: float) -> None:
        """Counts one answered request; `route` is its name in the code, never a path."""
        self._seconds.labels(route, str(status)).observe(seconds)
