"""What challenge counts: requests by route and status, in closed lists of labels."""

from kit.telemetry import Telemetry


class RequestMetrics:
    """The `Watch` of the app API."""

    def __init__(self, telemetry: Telemetry) -> None:
        self._seconds = telemetry.histogram(
            "challenge_app_request_seconds",
            "Time to answer a request of the app API, by route and status.",
            ("route", "status"),
        )

    def __call__(self, route: str, status: int, seconds: float) -> None:
        """Count one answered request."""
        self._seconds.labels(route, str(status)).observe(seconds)
