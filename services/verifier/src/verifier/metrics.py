"""What operators see of the verifier: verdicts, questions to revocation sources, parked checks; never whose."""

from kit.telemetry import Telemetry

from verifier.domain.refusal import Reason


class Metrics:
    """The service's own figures in the process's registry; all label values come from closed lists."""

    def __init__(self, telemetry: Telemetry) -> None:
        self._verdicts = telemetry.counter(
            "verifier_verdicts_total", "Verdicts by outcome: verified, or the reason of the refusal.", ("outcome",)
        )
        self._questions = telemetry.counter(
            "verifier_revocation_questions_total",
            "Questions to revocation sources by authority and answer; each may cost money.",
            ("authority", "answer"),
        )
        self._delayed = telemetry.counter(
            "verifier_delayed_total", "Checks that were parked because no revocation source answered."
        )
        self._retried = telemetry.counter("verifier_retries_total", "Tries of parked checks.")
        self._seconds = telemetry.histogram(
            "verifier_verification_seconds", "Time from an opened event to the published verdict, first tries only."
        )

    def verified(self) -> None:
        """Counts evidence that passed."""
        self._verdicts.labels("verified").inc()

    def refused(self, reason: Reason) -> None:
        """Counts a refusal."""
        self._verdicts.labels(reason.value).inc()

    def asked(self, authority: str, answer: str) -> None:
        """Counts a question: `answer` is good, revoked, suspended, unknown, or why the answer was of no use."""
        self._questions.labels(authority, answer).inc()

    def delayed(self) -> None:
        """Counts a check that was parked."""
        self._delayed.inc()

    def retried(self) -> None:
        """Counts a try of a parked check."""
        self._retried.inc()

    def took(self, seconds: float) -> None:
        """Notes how long a verdict took that came at the first try."""
        self._seconds.observe(seconds)
