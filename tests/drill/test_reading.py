"""The reading test: nothing that a service must never know stands on any surface, in any usual encoding.

Three sandboxes run the same logins with planted values. The first is the product as it ships: no planted value may be
found anywhere. In the second each service's own seals lie open, so that what it could tell if it opened all it holds is
searched for what it must never know. In the third nothing is sealed at all, and the reader must see it: a test that
finds nothing proves nothing before it has found something.
"""

import asyncio
import json
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, nullcontext
from dataclasses import dataclass

import pytest
from kit.testing.leak_guard import LeakGuard
from kit.testing.null_sealer import null_sealer

from tests.support import surfaces
from tests.support.drilled import Drilled, drilled, eventually
from tests.support.planted import Planted, plant_relying_party, planted_logins
from tests.support.trace_sink import TraceSink, trace_sink
from tests.support.unsealed import EVERYTHING, OWN

pytestmark = [pytest.mark.real, pytest.mark.drill]

ALL = ("rp", "client", "browser", "card", "handle", "person", "sector", "kept", "sub", "challenge")
# Payloads are padded with zeros; so many of them in a row stand in nothing that is sealed.
PADDING = bytes(64)
# Who writes or opens a topic could read it, and who owns a database could read that.
HELD = {
    "gateway": (
        {"gateway"},
        {
            "challenge.claimed",
            "challenge.cancelled",
            "verification.delayed",
            "verification.completed",
            "login.progressed",
        },
    ),
    "challenge": ({"challenge"}, {"challenge.claimed", "challenge.cancelled", "challenge.answered"}),
    "verifier": ({"verifier"}, {"challenge.answered", "verification.delayed", "verification.completed"}),
    "pseudonym": ({"pseudonym"}, set()),
    "audit-purge": ({"audit_purge"}, {"login.requested", "login.concluded"}),
}
# The table of docs/security.md §2, service by service: what none of a service's own surfaces may hold even when they lie open.
NEVER = {
    "gateway": ("browser", "card", "handle"),
    "challenge": ("rp", "client", "browser", "card", "handle", "person", "sector", "sub"),
    "verifier": ("rp", "client", "browser", "card", "handle", "sector", "sub"),
    "pseudonym": ("rp", "client", "browser", "card", "handle", "person", "sub"),
    "audit-purge": ("rp", "browser", "card", "handle", "person", "sector", "sub"),
}
# What the reader must see on each surface once nothing is sealed; a surface that is not named holds nothing of a person.
SEEN_IN_TOPICS = {
    "login.requested": "client",
    "challenge.answered": "card",
    "verification.completed": "person",
}
SEEN_IN_COLLECTIONS = {
    "gateway.logins": "rp",
    "challenge.challenges": "challenge",
    "verifier.parked_checks": "card",
    "pseudonym.first_sectors": "kept",
    "audit_purge.requests": "client",
}
SPAN_ATTRIBUTES = {"error.type"}


@dataclass
class Read:
    """All surfaces of one sandbox after the logins."""

    planted: Planted
    topics: dict[str, bytes]
    collections: dict[str, bytes]
    logs: dict[str, bytes]
    metrics: dict[str, bytes]
    spans: TraceSink

    def payload_topics(self) -> dict[str, bytes]:
        """The topics of ours, by their short names."""
        named = {name.removeprefix("shirushi.").removesuffix(".v1"): held for name, held in self.topics.items()}
        return {name: held for name, held in named.items() if held and f"shirushi.{name}.v1" in self.topics}


@contextmanager
def reading(directory, unsealed: str | None = None) -> Iterator[Read]:
    """Runs a sandbox and the logins, and reads everything."""
    with ExitStack() as stack:
        patch = stack.enter_context(pytest.MonkeyPatch.context())
        plant_relying_party(patch)
        sink = stack.enter_context(trace_sink())
        sandbox = stack.enter_context(drilled(directory))
        asyncio.run(_start_again(sandbox, sink, unsealed))
        # The phone lives in this process, and only these logins are to be unsealed.
        with null_sealer() if unsealed == EVERYTHING else nullcontext():
            planted = asyncio.run(planted_logins(sandbox))
        read = (
            surfaces.topics(sandbox),
            surfaces.collections(sandbox),
            surfaces.logs(sandbox),
            surfaces.metrics(sandbox),
        )
        asyncio.run(eventually(lambda: sink.bodies, 15, "spans arrive"))
        yield Read(planted, *read, sink)


async def _start_again(sandbox: Drilled, sink: TraceSink, unsealed: str | None) -> None:
    """Starts every service with each login traced, and unsealed if that is wanted."""
    for name in sandbox.addresses["management"]:
        child = sandbox.supervisor._children[name]
        traced = {
            "SHIRUSHI_OTLP_ENDPOINT": sink.address,
            "SHIRUSHI_TRACE_RATIO": "1",
            # The exporter's own setting: what is gathered is sent after so many milliseconds.
            "OTEL_BSP_SCHEDULE_DELAY": "200",
        }
        child.environment = {**child.environment, **traced}
        if unsealed:
            module = name.rpartition("-")[0].replace("-", "_")
            child.command = (sys.executable, "-m", "tests.support.unsealed", module, unsealed)
        sandbox.supervisor.terminate(name)
        sandbox.supervisor.start(name)
    for name in sandbox.addresses["management"]:
        await sandbox.supervisor.ready(name)


@pytest.fixture(scope="module")
def shipped(tmp_path_factory):
    with reading(tmp_path_factory.mktemp("shipped")) as read:
        yield read


@pytest.fixture(scope="module")
def own(tmp_path_factory):
    with reading(tmp_path_factory.mktemp("own"), OWN) as read:
        yield read


@pytest.fixture(scope="module")
def null(tmp_path_factory):
    with reading(tmp_path_factory.mktemp("null"), EVERYTHING) as read:
        yield read


def found(guard: LeakGuard, surfaces_: dict[str, bytes]) -> dict[str, set[str]]:
    """What is found where; empty if nothing is."""
    hits = {name: {f"{hit.name} ({hit.encoding})" for hit in guard.search(held)} for name, held in surfaces_.items()}
    return {name: kinds for name, kinds in hits.items() if kinds}


def test_no_topic_holds_anything_planted(shipped: Read):
    assert found(shipped.planted.guard(*ALL), shipped.topics) == {}


def test_no_collection_and_no_write_to_one_holds_anything_planted(shipped: Read):
    assert found(shipped.planted.guard(*ALL), shipped.collections) == {}


def test_no_payload_lies_open(shipped: Read):
    payloads = shipped.payload_topics()
    assert len(payloads) >= 8
    assert [name for name, held in payloads.items() if PADDING in held] == []


def test_no_log_line_holds_anything_planted(shipped: Read):
    assert found(shipped.planted.guard(*ALL), shipped.logs) == {}


def test_the_logs_that_were_read_speak_of_the_logins(shipped: Read):
    ids = _login_ids(shipped)
    assert len(ids) >= 5
    for service in ("gateway-0", "verifier-0"):
        assert any(identifier in shipped.logs[service] for identifier in ids), service


def test_no_metric_holds_anything_planted_or_a_login_id(shipped: Read):
    assert found(shipped.planted.guard(*ALL), shipped.metrics) == {}
    for service, metrics in shipped.metrics.items():
        assert metrics.startswith(b"# HELP"), service
        assert not any(identifier in metrics for identifier in _login_ids(shipped)), service


def test_no_error_says_what_was_typed(shipped: Read):
    answers = dict(enumerate(shipped.planted.errors))
    assert len(answers) >= 7
    assert found(shipped.planted.guard("card", "person"), answers) == {}


def test_spans_carry_login_ids_and_nothing_else(shipped: Read):
    guard, ids, traces = shipped.planted.guard(*ALL), _login_ids(shipped), set()
    for request in shipped.spans.requests:
        for resource in request.resource_spans:
            assert {attribute.key for attribute in resource.resource.attributes} == {"service.name"}
            for span in (span for scope in resource.scope_spans for span in scope.spans):
                traces.add(span.trace_id.hex().encode())
                assert {attribute.key for attribute in span.attributes} <= SPAN_ATTRIBUTES
                assert not span.events
                assert not span.status.message
    assert found(guard, dict(enumerate(shipped.spans.bodies))) == {}
    assert traces & ids
    assert traces <= ids


@pytest.mark.parametrize("service", NEVER)
def test_a_service_that_opens_all_it_holds_learns_nothing_that_it_must_never_know(own: Read, service: str):
    databases, topics = HELD[service]
    held = {name: read for name, read in own.collections.items() if name.partition(".")[0] in databases}
    held |= {name: read for name, read in own.payload_topics().items() if name in topics}
    assert topics <= set(held)
    assert found(own.planted.guard(*NEVER[service]), held) == {}


@pytest.mark.parametrize(("topic", "group"), SEEN_IN_TOPICS.items())
def test_with_a_null_sealer_the_reader_sees_into_the_topic(null: Read, topic: str, group: str):
    assert found(null.planted.guard(group), {topic: null.payload_topics()[topic]})


@pytest.mark.parametrize(("collection", "group"), SEEN_IN_COLLECTIONS.items())
def test_with_a_null_sealer_the_reader_sees_into_the_collection(null: Read, collection: str, group: str):
    assert found(null.planted.guard(group), {collection: null.collections[collection]})


def test_with_a_null_sealer_every_sealed_payload_lies_open(null: Read):
    payloads = null.payload_topics()
    open_ = {name for name, held in payloads.items() if PADDING in held}
    # An id alone travels unsealed and unpadded; receipts and dead letters are not of a login.
    assert set(payloads) - open_ <= {"login.progressed", "purge.receipt"}


def test_every_collection_is_one_that_the_reader_is_known_to_see(shipped: Read, null: Read):
    of_logins = {name for name in null.collections if b"box\x00" in null.collections[name]}
    # Neither an assertion that was used nor an outcome says anything of a person.
    silent = {"gateway.assertion_ids", "audit_purge.conclusions"}
    assert of_logins - set(SEEN_IN_COLLECTIONS) - silent == set()


def _login_ids(read: Read) -> set[bytes]:
    ids: set[bytes] = set()
    for line in read.logs["gateway-0"].splitlines():
        if line.startswith(b"{") and (identifier := json.loads(line).get("login_id")):
            ids.add(identifier.encode())
    return ids
