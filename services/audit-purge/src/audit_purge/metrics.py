"""What operators see of audit-purge: keys, receipts, ages and lags; no client, no login."""

from kit.telemetry import Telemetry


class Metrics:
    """The service's own figures in the process's registry."""

    def __init__(self, telemetry: Telemetry) -> None:
        self._open_epochs = telemetry.gauge("audit_purge_open_epochs", "Epochs whose secret is not destroyed yet.")
        self._destroyed = telemetry.counter("audit_purge_epochs_destroyed_total", "Epochs whose secret was destroyed.")
        self._lag = telemetry.gauge(
            "audit_purge_key_destruction_lag_seconds", "How long after its deadline the last secret was destroyed."
        )
        self._lags = telemetry.histogram(
            "audit_purge_key_destruction_delay_seconds", "Delay of destructions after their deadline."
        )
        self._waiting = telemetry.gauge(
            "audit_purge_epochs_without_receipt", "Destroyed epochs whose receipt is not written yet."
        )
        self._receipts = telemetry.counter("audit_purge_receipts_total", "Purge receipts written.")
        self._records = telemetry.counter(
            "audit_purge_records_deleted_total", "Own records deleted, as the receipts tell it (rounded)."
        )
        self._oldest_topic_record = telemetry.gauge(
            "audit_purge_oldest_topic_record_seconds", "Age of the oldest fact on any payload topic."
        )
        self._topic_records = telemetry.counter(
            "audit_purge_topic_records_deleted_total", "Facts deleted from Kafka that retention had not taken."
        )
        self._shares = telemetry.counter("audit_purge_shares_total", "Shares handed out.", ("service",))
        self._facts = telemetry.counter("audit_purge_facts_total", "Facts recorded.", ("fact", "outcome"))
        self._swap = telemetry.gauge("audit_purge_swap_on", "1 when the machine could page secrets out to a disk.")

    def open_epochs(self, count: int) -> None:
        """See `audit_purge.purge.Gauges`."""
        self._open_epochs.set(count)

    def destroyed(self, lag_seconds: float) -> None:
        """See `audit_purge.purge.Gauges`."""
        self._destroyed.inc()
        self._lag.set(lag_seconds)
        self._lags.observe(lag_seconds)

    def without_receipt(self, count: int) -> None:
        """See `audit_purge.purge.Gauges`."""
        self._waiting.set(count)

    def receipted(self, records_deleted: int) -> None:
        """See `audit_purge.purge.Gauges`."""
        self._receipts.inc()
        self._records.inc(records_deleted)

    def topics(self, oldest_seconds: float, deleted: int) -> None:
        """See `audit_purge.purge.Gauges`."""
        self._oldest_topic_record.set(oldest_seconds)
        self._topic_records.inc(deleted)

    def shares_given(self, service: str, count: int) -> None:
        """Counts shares handed to a service."""
        self._shares.labels(service).inc(count)

    def fact(self, fact: str, outcome: str) -> None:
        """Counts a recorded or repeated fact."""
        self._facts.labels(fact, outcome).inc()

    def swap(self, on: bool) -> None:
        """Says whether swap is on."""
        self._swap.set(on)
