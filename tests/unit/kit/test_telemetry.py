import pytest
from kit.management import Health
from kit.telemetry import FORBIDDEN_LABELS, Telemetry
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

LOGIN = bytes.fromhex("00112233445566778899aabbccddeeff")


def test_a_metric_is_made_once_and_rendered_with_the_prefix():
    telemetry = Telemetry("gateway")
    telemetry.counter("logins_total", "Logins.", ("outcome",)).labels("completed").inc()
    telemetry.counter("logins_total", "Logins.", ("outcome",)).labels("completed").inc()
    telemetry.gauge("open_logins", "Open.").set(4)
    telemetry.histogram("answer_seconds", "Time.").observe(0.2)
    text = telemetry.render().decode()
    assert 'shirushi_logins_total{outcome="completed"} 2.0' in text
    assert "shirushi_open_logins 4.0" in text
    assert 'shirushi_answer_seconds_bucket{le="0.25"} 1.0' in text
    assert "_created" not in text


@pytest.mark.parametrize("label", sorted(FORBIDDEN_LABELS))
def test_labels_that_tie_figures_to_someone_are_refused(label):
    with pytest.raises(ValueError, match=label):
        Telemetry("gateway").counter("x_total", "X.", (label,))


def test_two_processes_do_not_share_a_registry():
    Telemetry("a").counter("x_total", "X.").inc()
    assert b"x_total" not in Telemetry("a").render()


def test_without_an_endpoint_spans_do_nothing():
    with Telemetry("gateway").span("answer", login_id=LOGIN) as span:
        assert span is None


def test_services_come_to_one_trace_and_one_decision_by_the_login_id():
    exporter = InMemorySpanExporter()
    one, two = (Telemetry(name, ratio=1.0, exporter=exporter) for name in ("gateway", "verifier"))
    with one.span("request", login_id=LOGIN), one.span("issue"):
        pass
    with two.span("check", login_id=LOGIN, attempt=2):
        pass
    spans = {span.name: span for span in exporter.get_finished_spans()}
    assert {span.context.trace_id for span in spans.values()} == {int.from_bytes(LOGIN)}
    assert spans["issue"].parent.span_id == spans["request"].context.span_id
    assert dict(spans["check"].attributes) == {"attempt": 2}
    assert dict(spans["check"].resource.attributes) == {"service.name": "verifier"}


def test_only_the_asked_share_of_logins_is_traced():
    exporter = InMemorySpanExporter()
    telemetry = Telemetry("gateway", ratio=0.25, exporter=exporter)
    for number in range(1, 1001):
        with telemetry.span("x", login_id=bytes(8) + (number * 2**64 // 1001).to_bytes(8, "big")):
            pass
    assert 230 < len(exporter.get_finished_spans()) < 270


def test_a_span_names_an_error_by_type_and_never_by_text():
    exporter = InMemorySpanExporter()
    telemetry = Telemetry("gateway", ratio=1.0, exporter=exporter)
    with pytest.raises(ValueError), telemetry.span("x", login_id=LOGIN):
        raise ValueError("hanako1990")
    (span,) = exporter.get_finished_spans()
    assert span.attributes["error.type"] == "ValueError"
    assert "1990" not in span.to_json()


def test_ready_when_nobody_misses_anything():
    health = Health()
    assert health.missing() == {"service": "starting"}
    health.ready("service", ok=True)
    health.ready("bus", ok=False)
    assert health.missing() == {"bus": "not ready"}
    health.ready("bus", ok=True)
    assert health.missing() == {}


def test_a_loop_is_stuck_when_it_breaks_its_promise():
    now = [0.0]
    health = Health(lambda: now[0])
    health.progress("bus", bound=10)
    health.progress("sweeper")
    now[0] = 10
    assert health.stuck() == []
    now[0] = 11
    assert health.stuck() == ["bus"]
    health.progress("bus", bound=10)
    assert health.stuck() == []
    now[0] = 100
    assert health.stuck() == ["bus", "sweeper"]
    health.ended("bus")
    assert health.stuck() == ["sweeper"]
