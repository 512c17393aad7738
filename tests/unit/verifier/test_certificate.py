"""Certificates that come from outside: read whole, or refused; nothing else ever happens."""

from datetime import timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sandbox.ca.profile import Kind
from verifier.domain.certificate import parse_certificate
from verifier.domain.evidence import CertificateKind, PresentedCertificate
from verifier.domain.refusal import Reason, Refusal
from verifier.domain.verdict import CheckedCertificate, check_certificate

from tests.support import jpki
from tests.support.der import parse
from tests.support.jpki import NOW
from tests.support.ocsp import sequence, tlv
from tests.support.refusals import end_of, reason_of

GOOD = jpki.good_card().der
NAMED = jpki.good_card(Kind.SIGN).der


def test_an_authentication_certificate_is_read_whole():
    read = parse_certificate(GOOD)
    assert read.serial == jpki.SERIAL
    assert (read.not_before, read.not_after) == (NOW - timedelta(days=365), NOW + timedelta(days=365))
    assert isinstance(read.public_key, rsa.RSAPublicKey)
    assert read.issuer_key.authority_cert_serial_number == 1
    assert read.policies == (x509.ObjectIdentifier("1.2.392.200149.8.5.1.0.30"),)
    assert read.extended_key_usage == (x509.ExtendedKeyUsageOID.CLIENT_AUTH,)
    assert read.ocsp_url == "http://test-ocspauthnorm.jpki.go.jp"
    assert not read.is_authority
    assert read.other_names == ()


def test_a_signature_certificate_has_other_names_and_names_no_responder():
    read = parse_certificate(NAMED)
    assert [identifier.dotted_string.rpartition(".")[2] for identifier, _ in read.other_names] == list("143526")
    assert read.extended_key_usage is None
    assert read.ocsp_url is None


def test_an_elliptic_curve_key_is_read():
    assert isinstance(
        parse_certificate(jpki.good_card(Kind.PHONE, "p256", "p256").der).public_key, ec.EllipticCurvePublicKey
    )


def _responder_at(*locations):
    descriptions = [x509.AccessDescription(method, location) for method, location in locations]
    return {x509.AuthorityInformationAccess: (x509.AuthorityInformationAccess(descriptions), False)}


OCSP, CA_ISSUERS = x509.AuthorityInformationAccessOID.OCSP, x509.AuthorityInformationAccessOID.CA_ISSUERS
URI = x509.UniformResourceIdentifier


@pytest.mark.parametrize(
    ("locations", "expected"),
    [
        ([(CA_ISSUERS, URI("http://issuer.example"))], None),
        ([(OCSP, URI("ldap://responder.example")), (OCSP, URI("http://second.example"))], "http://second.example"),
        ([(OCSP, URI("file:///etc/passwd"))], None),
        ([(OCSP, URI("http://" + "a" * 250))], None),
        ([(OCSP, x509.DNSName("responder.example"))], None),
        ([(OCSP, x509.DirectoryName(x509.Name([])))], None),
    ],
    ids=["no responder", "only HTTP", "no files", "no endless addresses", "no bare names", "no directory names"],
)
def test_only_an_http_address_of_a_responder_is_taken(locations, expected):
    assert parse_certificate(jpki.issue(overrides=_responder_at(*locations)).der).ocsp_url == expected


VERSION_3 = bytes.fromhex("a003020102")
VERSION_1 = bytes.fromhex("a003020100")


@pytest.mark.parametrize(
    "der",
    [
        b"",
        b"\0",
        b"\x30\x00",
        b"\x30\x84\xff\xff\xff\xff",
        GOOD[:-1],
        GOOD[1:],
        GOOD + b"\0",
        jpki.spoil(GOOD, VERSION_3, VERSION_1),
        jpki.spoil(GOOD, VERSION_3, bytes.fromhex("a003020105")),
        jpki.good_card().certificate.public_bytes(Encoding.PEM),
        b'["array"]',
        b"12345",
        # A serial of nothing but a sign, and a negative one.
        jpki.spoil(GOOD, bytes.fromhex("020407100001"), bytes.fromhex("020400000000")),
        jpki.spoil(GOOD, bytes.fromhex("020407100001"), bytes.fromhex("020487100001")),
        # A month that no year has.
        jpki.spoil(GOOD, b"251122030430Z", b"251322030430Z"),
        # keyUsage twice: the second in the place of extKeyUsage.
        jpki.spoil(GOOD, bytes.fromhex("0603551d25"), bytes.fromhex("0603551d0f")),
        jpki.issue(extra=((jpki.UNKNOWN_TLS_FEATURE, False),)).der,
    ],
    ids=[
        "empty", "a zero", "an empty sequence", "a length of 4 GiB", "cut", "headless", "something behind it",
        "version 1", "version 6", "PEM", "an array", "a number", "serial 0", "negative serial", "month 13",
        "an extension twice", "a TLS feature that nobody knows",
    ],
)  # fmt: skip
def test_what_is_no_certificate_is_malformed(der):
    assert reason_of(parse_certificate, der) is Reason.CERTIFICATE_MALFORMED


def test_a_certificate_of_version_1_without_extensions_is_malformed():
    # It parses, and would be an authority's in the eyes of old software.
    node = parse(GOOD)
    version, *fields, extensions = node[0].children
    assert (version.type, extensions.type) == ("[0]", "[3]")
    der = sequence(
        sequence(*(tlv(each.tag, each.value) for each in fields)), *(tlv(e.tag, e.value) for e in node.children[1:])
    )
    assert x509.load_der_x509_certificate(der).version is x509.Version.v1
    assert reason_of(parse_certificate, der) is Reason.CERTIFICATE_MALFORMED


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("serial", ["00000000", "87100001"])
def test_a_serial_that_the_library_only_warns_of_is_malformed(serial):
    der = jpki.spoil(GOOD, bytes.fromhex("020407100001"), bytes.fromhex(f"0204{serial}"))
    assert reason_of(parse_certificate, der) is Reason.CERTIFICATE_MALFORMED


def test_a_key_of_another_type_is_left_to_the_check_of_its_strength():
    assert parse_certificate(jpki.issue(algorithm="ed25519").der).public_key is None


def test_a_curve_that_nobody_knows_is_left_to_the_check_of_its_strength():
    p256 = bytes.fromhex("06082a8648ce3d030107")
    der = jpki.spoil(jpki.good_card(Kind.PHONE, "p256", "p256").der, p256, p256[:-1] + b"\x7f")
    assert parse_certificate(der).public_key is None


@given(st.binary(max_size=300))
def test_any_bytes_are_refused(der):
    assert reason_of(parse_certificate, der) is Reason.CERTIFICATE_MALFORMED


flips = st.lists(st.tuples(st.integers(0, len(NAMED) - 1), st.integers(1, 255)), min_size=1, max_size=4)


@settings(max_examples=300, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(which=st.sampled_from([GOOD, NAMED]), flips=flips)
def test_a_spoilt_certificate_is_refused_or_read_and_nothing_else(which, flips, rules):
    spoilt = bytearray(which)
    for at, mask in flips:
        spoilt[at % len(spoilt)] ^= mask
    presented = PresentedCertificate(CertificateKind.USER_AUTHENTICATION, bytes(spoilt))
    end = end_of(check_certificate, presented, rules, NOW)
    assert isinstance(end, CheckedCertificate) or end.reason.value.startswith("certificate_")


def test_a_refusal_quotes_nothing_of_the_certificate(rules):
    presented = PresentedCertificate(
        CertificateKind.USER_AUTHENTICATION, jpki.spoil(GOOD, b"ABCDEFGHIJ", b"ABCDEFGHIK")
    )
    with pytest.raises(Refusal) as refused:
        check_certificate(presented, rules, NOW)
    assert str(refused.value) == "certificate_untrusted"
    assert refused.value.__cause__ is None
    assert refused.value.__suppress_context__


def test_no_repr_shows_what_a_certificate_says():
    assert "ABCDEFGHIJ" not in repr(parse_certificate(GOOD))
