"""Nothing about a person, a certificate or a reason leaves by a log line, a metric or an error, whatever goes wrong."""

import base64

import pytest
import structlog
from kit.telemetry import Telemetry
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from sandbox.ca.profile import Kind
from shirushi.evidence.v1 import evidence_pb2
from verifier.domain.ocsp import Standing

from kit import log
from tests.component.verifier.conftest import LOGIN
from tests.support import evidence as phone
from tests.support import jpki

NAMED = jpki.good_card(Kind.SIGN)
NEVER = {
    "name": "番号　花子".encode(),
    "address": "東京都清瀬市松山".encode(),
    "birth date": b"19900515",
    "subject": b"ABCDEFGHIJ",
    "municipality code": b"13221",
    "municipality": b"Kiyose",
    "certificate": jpki.good_card().der[40:72],
    "serial": jpki.SERIAL.to_bytes(4, "big"),
    "notice key": phone.NOTICE_KEY,
    "nonce": phone.NONCE,
    "binding": b"B" * 32,
    "challenge id": phone.CHALLENGE_ID.encode(),
}


def spellings(value):
    yield value
    yield value.hex().encode()
    yield value.hex().upper().encode()
    yield base64.b64encode(value)
    yield base64.urlsafe_b64encode(value).rstrip(b"=")
    yield str(int.from_bytes(value, "big")).encode()
    yield ascii(value.decode("utf-8", "replace")).strip("'").encode()


@pytest.fixture
def printed(capsys):
    """Reads everything that was logged, down to level debug."""
    log.configure("verifier", "debug")

    def read():
        return capsys.readouterr().out.encode()

    yield read
    structlog.reset_defaults()


def found(text):
    return [name for name, value in NEVER.items() if any(s in text for s in spellings(value))]


def test_the_search_can_see():
    for name, value in NEVER.items():
        for spelling in spellings(value):
            assert name in found(b"a line with " + spelling + b" in it")


SAD_WAYS = {
    "verified": {"agreed": ("name", "address", "birthdate", "gender")},
    "attributes by certificate": {
        "cards": [jpki.good_card(), NAMED],
        "agreed": ("name",),
        "source": evidence_pb2.ATTRIBUTES_SOURCE_SIGNATURE_CERTIFICATE,
    },
    "untrusted": {"cards": [jpki.issue(signed_by=jpki.generation(Kind.AUTH, 9))]},
    "wrong policy": {"cards": [jpki.issue(policy=jpki.profile.FOREIGN_POLICY)]},
    "malformed": {"spoil_attested": lambda e: setattr(e.certificates[0], "der", e.certificates[0].der[:-5])},
    "a certificate in the place of a name": {
        "agreed": ("name",),
        "spoil_message": lambda e: setattr(e.attributes, "name", base64.b64encode(NAMED.der).decode()),
    },
    "bad signature": {"spoil_signed": lambda e: setattr(e.signatures[0], "value", b"x")},
}


@pytest.mark.parametrize("changes", SAD_WAYS.values(), ids=SAD_WAYS.keys())
async def test_no_outcome_tells_anything_but_the_login_id(changes, world, printed):
    await world.answer(**changes)
    lines = printed()
    assert LOGIN.hex().encode() in lines
    assert found(lines) == []
    assert found(world.verifier.telemetry.render()) == []
    # Which reason it was is the phone's to know; a log line ties it to a login.
    assert b"certificate_" not in lines.lower()


@pytest.mark.parametrize("away", [True, False])
async def test_neither_does_waiting_nor_a_bad_standing(away, world, printed, clock):
    world.responder.away, world.responder.standing = away, Standing.REVOKED
    await world.answer(agreed=("name",))
    clock.advance(60)
    await world.retry()
    assert found(printed()) == []


async def test_neither_does_a_handler_that_breaks(world, printed):
    async def breaks(*_):
        raise RuntimeError("番号　花子 ABCDEFGHIJ 13221")

    world.verifier.handler._examination.verdict_on = breaks
    await world.publish(world.fact(), LOGIN)
    await world.hub.settle()
    lines = printed()
    assert b"event_handler_failed" in lines
    assert found(lines) == []


async def test_a_span_names_the_step_and_nothing_else(world):
    exporter = InMemorySpanExporter()
    world.verifier.handler._telemetry = Telemetry("verifier", exporter=exporter, ratio=1.0)
    await world.answer(agreed=("name",))
    (span,) = exporter.get_finished_spans()
    assert (span.name, dict(span.attributes), list(span.events)) == ("verify", {}, [])
    assert found(span.to_json().encode()) == []


async def test_no_metric_is_labelled_with_a_login(world):
    await world.answer()
    assert LOGIN.hex().encode() not in world.verifier.telemetry.render()
