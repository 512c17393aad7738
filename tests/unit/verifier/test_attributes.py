"""Which attributes pass on: what was agreed, from where it may come, and never anything that gives a My Number away."""

import dataclasses

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sandbox.ca.profile import Kind
from shirushi.evidence.v1 import evidence_pb2 as pb
from verifier.domain.attributes import agreed_attributes, gives_individual_number_away, has_number_s_check_digit
from verifier.domain.certificate import VerifiedCertificate, parse_certificate
from verifier.domain.evidence import Attribute, AttributesSource
from verifier.domain.other_names import ARC
from verifier.domain.refusal import Reason

from tests.support import jpki
from tests.support.ocsp import tlv
from tests.support.refusals import reason_of

ALL = ("name", "address", "birthdate", "gender")
HANAKO = {
    Attribute.NAME: "番号　花子",
    Attribute.ADDRESS: "東京都清瀬市松山１－２－３",
    Attribute.BIRTHDATE: "19900515",
    Attribute.GENDER: "2",
}
FROM_CERTIFICATE = pb.ATTRIBUTES_SOURCE_SIGNATURE_CERTIFICATE
FORBIDDEN, MISMATCH = Reason.ATTRIBUTES_FORBIDDEN_SOURCE, Reason.ATTRIBUTES_MISMATCH


def verified(other_names=None):
    read = parse_certificate(jpki.good_card(Kind.SIGN).der)
    names = read.other_names if other_names is None else other_names
    return VerifiedCertificate(b"k", 1, read.public_key, names, None)


def passed(evidence, certificate=None):
    return dict(agreed_attributes(evidence, certificate))


def test_nothing_agreed_is_nothing_passed(read):
    assert passed(read()) == {}


@pytest.mark.parametrize("agreed", [("name",), ("birthdate", "gender"), ALL])
def test_the_app_s_reading_passes_as_far_as_agreed(agreed, read):
    assert passed(read(agreed=agreed)) == {Attribute[name.upper()]: HANAKO[Attribute[name.upper()]] for name in agreed}


@pytest.mark.parametrize("agreed", [("name",), ("birthdate", "gender"), ALL])
def test_the_signature_certificate_s_names_pass_as_far_as_agreed(agreed, read):
    evidence = read(agreed=agreed, source=FROM_CERTIFICATE)
    assert passed(evidence, verified()) == {Attribute[name.upper()]: HANAKO[Attribute[name.upper()]] for name in agreed}


def changed(evidence, **changes):
    return dataclasses.replace(evidence, attributes=dataclasses.replace(evidence.attributes, **changes))


@pytest.mark.parametrize(
    ("reason", "changes"),
    [
        (FORBIDDEN, {"source": None}),
        (FORBIDDEN, {"foreign": True}),
        (MISMATCH, {"values": {}}),
        (MISMATCH, {"values": {Attribute.NAME: "番号　花子", Attribute.GENDER: "2"}}),
        (MISMATCH, {"values": {Attribute.GENDER: "2"}}),
        (MISMATCH, {"source": AttributesSource.SIGNATURE_CERTIFICATE}),
    ],
    ids=[
        "no known source",
        "a foreign field",
        "missing",
        "one more than agreed",
        "another than agreed",
        "mixed sources",
    ],
)
def test_attributes_that_were_not_agreed_so_are_refused(reason, changes, read):
    assert reason_of(agreed_attributes, changed(read(agreed=("name",)), **changes), None) is reason


def test_attributes_without_agreement_are_refused(read):
    evidence = dataclasses.replace(read(agreed=("name",)), agreed=())
    assert reason_of(agreed_attributes, evidence, None) is MISMATCH


def test_agreement_without_attributes_is_refused(read):
    evidence = dataclasses.replace(read(agreed=("name",)), attributes=None)
    assert reason_of(agreed_attributes, evidence, None) is MISMATCH


def test_a_signature_certificate_must_be_there(read):
    assert reason_of(agreed_attributes, read(agreed=("name",), source=FROM_CERTIFICATE), None) is MISMATCH


def test_the_app_adds_nothing_to_the_signature_certificate(read):
    evidence = changed(read(agreed=("name",), source=FROM_CERTIFICATE), values={Attribute.NAME: "番号　花子"})
    assert reason_of(agreed_attributes, evidence, verified()) is MISMATCH


def test_what_the_signature_certificate_does_not_say_cannot_be_agreed_to(read):
    evidence = read(agreed=("name", "gender"), source=FROM_CERTIFICATE)
    some = tuple(entry for entry in verified().other_names if entry[0].dotted_string == f"{ARC}.1")
    assert reason_of(agreed_attributes, evidence, verified(some)) is MISMATCH


def test_unreadable_names_make_the_certificate_malformed(read):
    evidence = read(agreed=("name",), source=FROM_CERTIFICATE)
    names = ((verified().other_names[0][0], b"\x0c\x05ab"),)
    assert reason_of(agreed_attributes, evidence, verified(names)) is Reason.CERTIFICATE_MALFORMED


@pytest.mark.parametrize(
    ("attribute", "value"),
    [
        (Attribute.NAME, ""),
        (Attribute.NAME, "番号\n花子"),
        (Attribute.NAME, "番号\x00花子"),
        (Attribute.NAME, "花" * 201),
        (Attribute.ADDRESS, ""),
        (Attribute.ADDRESS, "\x1b[31m東京都"),
        (Attribute.BIRTHDATE, "1990-05-15"),
        (Attribute.BIRTHDATE, "199005"),
        (Attribute.BIRTHDATE, "１９９００５１５"),
        (Attribute.BIRTHDATE, "19900515\n"),
        (Attribute.GENDER, "female"),
        (Attribute.GENDER, ""),
        (Attribute.GENDER, "２"),
    ],
)
def test_what_no_card_says_is_refused(attribute, value, read):
    evidence = changed(read(agreed=(attribute.name.lower(),)), values={attribute: value})
    assert reason_of(agreed_attributes, evidence, None) is MISMATCH


@pytest.mark.parametrize("value", ["19900000", "00000000"])
def test_an_unknown_part_of_a_birth_date_passes(value, read):
    evidence = changed(read(agreed=("birthdate",)), values={Attribute.BIRTHDATE: value})
    assert passed(evidence) == {Attribute.BIRTHDATE: value}


def number(body="12345678901"):
    """Twelve digits that end in the check digit of an individual number."""
    return next(body + digit for digit in "0123456789" if has_number_s_check_digit(body + digit))


# The law's own example of the check digit, worked by hand: 123456789018.
def test_the_check_digit_is_the_law_s():
    assert has_number_s_check_digit("123456789018")
    assert not has_number_s_check_digit("123456789017")


DIGEST = bytes(range(200, 232))


@pytest.mark.parametrize(
    "value",
    [
        number(),
        f"東京都清瀬市{number()}",
        number().translate(str.maketrans("0123456789", "０１２３４５６７８９")),
        f"{number()[:4]} {number()[4:8]} {number()[8:]}",
        f"{number()[:4]}-{number()[4:8]}-{number()[8:]}",
        DIGEST.hex(),
        DIGEST.hex().upper(),
        "yMnKy8zNzs_Q0dLT1NXW19jZ2tvc3d7f4OHi4-Tl5uc",
        tlv(0x30, DIGEST).hex(),
        "花" * 401,
    ],
    ids=[
        "a number", "in an address", "full width", "as printed", "with hyphens", "EF 0003's digest", "upper case",
        "base64url", "DER in hexadecimal", "longer than any attribute",
    ],
)  # fmt: skip
@pytest.mark.parametrize("attribute", ["name", "address"])
def test_what_gives_a_my_number_away_is_refused(attribute, value, read):
    evidence = changed(read(agreed=(attribute,)), values={Attribute[attribute.upper()]: value})
    assert reason_of(agreed_attributes, evidence, None) is FORBIDDEN


@pytest.mark.parametrize(
    "value",
    [
        "東京都清瀬市松山１２３４－５６－７８－１２０３",
        "東京都清瀬市松山１－２－３　１２０３号室",
        "北海道札幌市中央区北一条西２丁目　０１１２３４５６７８９０１２３４５６７８９",
        "ADOLPH BLAINE WOLFESCHLEGELSTEINHAUSENBERGERDORFF",
        "Keihanaikukauakahihulihe'ekahaunaele",
        "寿限無寿限無五劫の擦り切れ" * 10,
    ],
)
def test_long_addresses_and_names_are_no_number(value):
    assert not gives_individual_number_away(value)


@given(st.text(max_size=500))
def test_any_text_gives_one_away_or_does_not(value):
    assert gives_individual_number_away(value) in {True, False}
