"""Metrics and spans of a process; neither can carry a client, a sector, a municipality or a login as a label."""

import asyncio
import random
import threading
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from typing import TYPE_CHECKING, Any

import prometheus_client
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector
from prometheus_client.exposition import generate_latest

if TYPE_CHECKING:
    from opentelemetry.sdk.trace.export import SpanExporter
    from opentelemetry.trace import Tracer

# A label value stays in a metrics store for years; these words would tie it to a person or a relying party.
FORBIDDEN_LABELS = frozenset(
    {"client", "client_id", "rp", "sector", "municipality", "login", "login_id", "sub", "subject", "address", "user"}
)
# Seconds; finer where logins happen (the target from answer to redirect is 0.15).
LATENCY_BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.15, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
PREFIX = "shirushi_"
CLOSE_SECONDS = 1.5

prometheus_client.disable_created_metrics()  # type: ignore[no-untyped-call]


class Telemetry:
    """One metrics registry and one tracer for a process.

    Args:
        service: principal name.
        otlp_endpoint: OTLP/HTTP address; without it, and without `exporter`, spans cost nothing and go nowhere.
        ratio: share of logins whose spans are recorded.
        exporter: takes the spans in place of OTLP, for tests.
    """

    def __init__(
        self,
        service: str,
        otlp_endpoint: str | None = None,
        *,
        ratio: float = 0.01,
        exporter: "SpanExporter | None" = None,
    ) -> None:
        self.service = service
        self.registry = CollectorRegistry(auto_describe=False)
        ProcessCollector(registry=self.registry)
        self._ratio = ratio
        self._metrics: dict[str, Any] = {}
        self._provider: Any = None
        self.tracer: Tracer | None = None
        if otlp_endpoint is not None or exporter is not None:
            self._provider, self.tracer = _tracing(service, otlp_endpoint, exporter)

    def counter(self, name: str, documentation: str, labels: Sequence[str] = ()) -> Counter:
        """Return the counter of that name, made at the first call; label values come from closed lists only."""
        return self._metric(Counter, name, documentation, labels)  # type: ignore[no-any-return]

    def gauge(self, name: str, documentation: str, labels: Sequence[str] = ()) -> Gauge:
        """Return the gauge of that name, made at the first call."""
        return self._metric(Gauge, name, documentation, labels)  # type: ignore[no-any-return]

    def histogram(
        self, name: str, documentation: str, labels: Sequence[str] = (), *, buckets: Sequence[float] = LATENCY_BUCKETS
    ) -> Histogram:
        """Return the histogram of that name, made at the first call; in seconds unless its name says otherwise."""
        return self._metric(Histogram, name, documentation, labels, buckets=buckets)  # type: ignore[no-any-return]

    def render(self) -> bytes:
        """Return all metrics in Prometheus' text format 0.0.4."""
        return generate_latest(self.registry)

    def span(self, name: str, *, login_id: bytes = b"", **ids: str | int) -> AbstractContextManager[object]:
        """Time a step of a login; for most logins that does nothing (head sampling).

        The login id is the trace id: each service comes to the same trace and the same sampling decision by itself, so
        that no trace context has to travel in events, where only the envelope's fields may be in clear.
        """
        if self.tracer is None:
            return nullcontext()
        return self._span(self.tracer, name, login_id, ids)

    async def close(self, seconds: float = CLOSE_SECONDS) -> None:
        """Send what spans are left; gives up after so long, since a collector that is away must not hold up a stop."""
        if self._provider is None:
            return
        loop, done = asyncio.get_running_loop(), asyncio.Event()

        def work() -> None:
            self._provider.shutdown()
            # The loop may be gone when a collector has answered late.
            with suppress(RuntimeError):
                loop.call_soon_threadsafe(done.set)

        # A daemon, because the exporter waits in ways that nobody can cancel.
        threading.Thread(target=work, name="telemetry-close", daemon=True).start()
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await done.wait()

    @contextmanager
    def _span(self, tracer: "Tracer", name: str, login_id: bytes, ids: dict[str, str | int]) -> Iterator[object]:
        # Errors are named by type: recording the exception would export its text.
        options: dict[str, Any] = {"record_exception": False, "set_status_on_exception": False}
        with tracer.start_as_current_span(name, _parent(login_id, self._ratio), attributes=ids, **options) as span:
            try:
                yield span
            except Exception as error:
                span.set_attribute("error.type", type(error).__name__)
                raise

    def _metric(self, cls: Any, name: str, documentation: str, labels: Sequence[str], **options: Any) -> Any:
        if forbidden := FORBIDDEN_LABELS & set(labels):
            raise ValueError(f"{name}: forbidden labels {sorted(forbidden)}")
        name = name if name.startswith(PREFIX) else PREFIX + name
        if name not in self._metrics:
            self._metrics[name] = cls(name, documentation, tuple(labels), registry=self.registry, **options)
        return self._metrics[name]


def _parent(login_id: bytes, ratio: float) -> Any:
    """Return a context whose trace id is the login id, or a new trace where no login is concerned."""
    from opentelemetry.trace import (  # noqa: PLC0415 - loaded only where tracing is on: it costs 10 MB
        NonRecordingSpan,
        SpanContext,
        TraceFlags,
        get_current_span,
        set_span_in_context,
    )

    if get_current_span().get_span_context().is_valid:
        return None
    trace_id = int.from_bytes(login_id, "big") or random.getrandbits(128) or 1
    sampled = (trace_id & (2**64 - 1)) < ratio * 2**64
    flags = TraceFlags(TraceFlags.SAMPLED if sampled else TraceFlags.DEFAULT)
    context = SpanContext(trace_id, (trace_id >> 64) or 1, is_remote=True, trace_flags=flags)
    return set_span_in_context(NonRecordingSpan(context))


def _tracing(service: str, endpoint: str | None, exporter: "SpanExporter | None") -> "tuple[Any, Tracer]":
    from opentelemetry.sdk.resources import Resource  # noqa: PLC0415 - as above
    from opentelemetry.sdk.trace import TracerProvider  # noqa: PLC0415
    from opentelemetry.sdk.trace.export import BatchSpanProcessor, SimpleSpanProcessor  # noqa: PLC0415

    # A resource of our own: the default one adds host name, process id and command line.
    provider = TracerProvider(resource=Resource({"service.name": service}), shutdown_on_exit=False)
    if exporter is not None:
        provider.add_span_processor(SimpleSpanProcessor(exporter))
    else:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter  # noqa: PLC0415

        provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(endpoint=endpoint)))
    return provider, provider.get_tracer("shirushi")
