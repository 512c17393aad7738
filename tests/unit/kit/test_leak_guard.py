"""The guard sees what it is there to see."""

import base64
import hashlib
import json
from urllib.parse import quote

import pytest
import structlog
from cryptography import x509
from hypothesis import given
from hypothesis import strategies as st
from kit.testing.leak_guard import LeakFound, LeakGuard

NAME = "黒桐　幹也"
SERIAL = 0x0E4A51B7
CERTIFICATE = bytes(range(7, 207))
GUARD = LeakGuard({"name": NAME, "serial": SERIAL, "certificate": CERTIFICATE, "ascii": "Kiyose-shi 1-2-3"})

SPELLINGS = {
    "utf-8": NAME.encode(),
    "utf-16": NAME.encode("utf-16"),
    "utf-16-be (BMPString)": NAME.encode("utf-16-be"),
    "shift_jis": NAME.encode("shift_jis"),
    "hex": NAME.encode().hex().encode(),
    "hex upper": NAME.encode().hex().upper().encode(),
    "percent": quote(NAME).encode(),
    "json": json.dumps({"name": NAME}).encode(),
    "base64": base64.b64encode(NAME.encode()),
    "base64 after one byte": base64.b64encode(b"x" + NAME.encode() + b"yz"),
    "base64 after two bytes": base64.urlsafe_b64encode(b"xx" + NAME.encode() + b"yz"),
    "sha256": hashlib.sha256(NAME.encode()).digest(),
    "sha256 hex": hashlib.sha256(NAME.encode()).hexdigest().encode(),
    "sha256 base64url": base64.urlsafe_b64encode(hashlib.sha256(NAME.encode()).digest()).rstrip(b"="),
    "repr": repr(NAME.encode()).encode(),
    "serial decimal": str(SERIAL).encode(),
    "serial hex": f"{SERIAL:x}".encode(),
    "serial hex padded": f"{SERIAL:08X}".encode(),
    "serial colons": SERIAL.to_bytes(4, "big").hex(":").encode(),
    "serial der": b"\x02\x04" + SERIAL.to_bytes(4, "big"),
    "serial sha256 of decimal": hashlib.sha256(str(SERIAL).encode()).digest(),
    "certificate": CERTIFICATE,
    "certificate hex": CERTIFICATE.hex().encode(),
    "certificate base64": base64.b64encode(CERTIFICATE),
    "certificate fingerprint": hashlib.sha256(CERTIFICATE).hexdigest().encode(),
    "certificate fingerprint colons": hashlib.sha256(CERTIFICATE).digest().hex(":").upper().encode(),
    "ascii": b"Kiyose-shi 1-2-3",
    "ascii quoted": b"Kiyose-shi%201-2-3",
    "ascii form": b"Kiyose-shi+1-2-3",
}


@pytest.mark.parametrize("spelling", SPELLINGS)
def test_every_usual_spelling_is_found(spelling: str) -> None:
    assert GUARD.search(b"before " + SPELLINGS[spelling] + b" after")


def test_the_serial_of_a_three_byte_certificate_is_found_in_der() -> None:
    guard = LeakGuard({"serial": 0x33C349})
    assert guard.search(b"\x30\x10\x02\x03\x33\xc3\x49")


@given(st.text(min_size=4, max_size=20).filter(lambda t: len(t.encode("utf-8", "ignore")) > 8), st.binary(max_size=9))
def test_base64_is_found_wherever_it_begins(value: str, before: bytes) -> None:
    try:
        raw = value.encode()
    except UnicodeEncodeError:
        return
    assert LeakGuard({"value": value}).search(base64.b64encode(before + raw + b"after"))


@given(st.binary(max_size=5000))
def test_what_holds_nothing_is_clean(data: bytes) -> None:
    assert GUARD.search(data) == []


def test_a_hit_says_what_and_where_but_never_the_value() -> None:
    [hit] = GUARD.search(b"0123" + NAME.encode())
    assert (hit.name, hit.encoding, hit.offset) == ("name", "utf-8", 4)
    with pytest.raises(LeakFound) as caught:
        GUARD.check(NAME, "topic x")
    assert NAME not in str(caught.value)
    assert "topic x" in str(caught.value)


def test_a_log_line_that_holds_a_planted_value_raises() -> None:
    structlog.configure(processors=[GUARD.log_processor, structlog.processors.JSONRenderer()])
    try:
        structlog.get_logger().info("challenge_claimed", login_id="00ff")
        for fields in ({"who": NAME}, {"deep": {"list": [CERTIFICATE]}}, {"serial": SERIAL}):
            with pytest.raises(LeakFound):
                structlog.get_logger().info("challenge_claimed", **fields)
    finally:
        structlog.reset_defaults()


def test_a_random_serial_has_patterns_in_all_bases() -> None:
    serial = x509.random_serial_number()
    guard = LeakGuard({"serial": serial})
    assert guard.search(f"{serial}".encode())
    assert guard.search(f"{serial:X}".encode())
