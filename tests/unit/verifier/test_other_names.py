"""Attributes in a signature certificate: strict DER, any order, unknown names passed over."""

import pytest
from cryptography import x509
from hypothesis import given
from hypothesis import strategies as st
from sandbox.ca.leaf import utf8_string as encoded
from sandbox.ca.profile import Kind
from verifier.domain.certificate import parse_certificate
from verifier.domain.evidence import Attribute
from verifier.domain.other_names import ARC, attributes_of, utf8_string
from verifier.domain.refusal import Reason

from tests.support import jpki
from tests.support.refusals import end_of, reason_of

EXPECTED = {
    Attribute.NAME: "番号　花子",
    Attribute.ADDRESS: "東京都清瀬市松山１－２－３",
    Attribute.BIRTHDATE: "19900515",
    Attribute.GENDER: "2",
}


def name(arc, value):
    return x509.ObjectIdentifier(f"{ARC}.{arc}"), value if isinstance(value, bytes) else encoded(value)


def test_the_names_of_a_genuine_shape_are_read():
    names = parse_certificate(jpki.good_card(Kind.SIGN).der).other_names
    assert attributes_of(names) == EXPECTED
    assert attributes_of(tuple(reversed(names))) == EXPECTED


def test_unknown_names_are_passed_over():
    furigana = name(7, "バンゴウ　ハナコ")
    foreign = (x509.ObjectIdentifier("1.3.6.1.4.1.311.20.2.3"), b"\xff")
    assert attributes_of([furigana, foreign, name(1, "番号　花子")]) == {Attribute.NAME: "番号　花子"}


def test_no_names_are_no_attributes():
    assert attributes_of(()) == {}


@pytest.mark.parametrize("era", "012345")
def test_the_year_is_gregorian_in_every_era(era):
    assert attributes_of([name(4, f"{era}19900515")]) == {Attribute.BIRTHDATE: "19900515"}


@pytest.mark.parametrize("parts", ["00000000", "19900000", "19900500", "00000515"])
def test_parts_of_a_birth_date_may_be_unknown(parts):
    assert attributes_of([name(4, f"3{parts}")]) == {Attribute.BIRTHDATE: parts}


@pytest.mark.parametrize(
    "value", ["", "3", "19900515", "3199005151", "619900515", "31990051５", "H19900515", "3-1990515"]
)
def test_what_is_no_birth_date_is_malformed(value):
    assert reason_of(attributes_of, [name(4, value)]) is Reason.CERTIFICATE_MALFORMED


def test_a_name_that_is_there_twice_is_malformed():
    assert reason_of(attributes_of, [name(1, "番号　花子"), name(1, "番号　太郎")]) is Reason.CERTIFICATE_MALFORMED


@pytest.mark.parametrize(
    "value",
    [
        b"",
        b"\x0c",
        b"\x0c\x03ab",
        b"\x0c\x02abc",
        b"\x13\x02ab",
        b"\x1e\x02ab",
        b"\x2c\x02ab",
        b"\x0c\x81\x02ab",
        b"\x0c\x82\x00\x02ab",
        b"\x0c\x80ab\0\0",
        b"\x0c\x81",
        b"\x0c\x82\x01",
        b"\x0c\x83\x00\x00\x02ab",
        b"\x0c\x84\xff\xff\xff\xff",
        b"\x0c\x02\xff\xfe",
        b"\x0c\x02\xc0\x80",
        b"\x0c\x03\xed\xa0\x80",
    ],
    ids=[
        "nothing", "a tag", "too short", "something behind", "PrintableString", "BMPString", "constructed",
        "long form for short", "two octets for one", "indefinite", "no length", "half a length", "three octets",
        "4 GiB", "not UTF-8", "overlong UTF-8", "a surrogate",
    ],
)  # fmt: skip
def test_only_der_utf8_strings_are_read(value):
    assert reason_of(utf8_string, value) is Reason.CERTIFICATE_MALFORMED


@given(st.text(max_size=2000).filter(lambda text: "\ud800" not in text))
def test_every_text_has_one_encoding_that_is_read_back(text):
    assert utf8_string(encoded(text)) == text


@given(st.binary(max_size=200))
def test_any_bytes_are_a_text_or_malformed(value):
    end = end_of(utf8_string, value)
    if isinstance(end, str):
        assert encoded(end) == value
    else:
        assert end.reason is Reason.CERTIFICATE_MALFORMED
