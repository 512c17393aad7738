"""What operators see of pseudonym: how many requests ended how; no login, sector or client."""

from kit.telemetry import Telemetry


class Metrics:
    """The service's own figures in the process's registry."""

    def __init__(self, telemetry: Telemetry) -> None:
        self._answered = telemetry.counter(
            "pseudonym_requests_total",
            "DeriveSub requests by how they ended (derived, or the refusal's reason).",
            ("outcome",),
        )

    def answered(self, outcome: str) -> None:
        """Counts a request; `outcome` is `derived` or the reason of the refusal, a closed list."""
        self._answered.labels(outcome).inc()
