"""Who issued a certificate: by key identifier and signature, never by name; and what may be an anchor."""

from datetime import timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding
from sandbox.ca import profile
from sandbox.ca.leaf import assemble, directory_name, key_usage
from sandbox.ca.profile import Kind
from verifier.domain.certificate import parse_certificate
from verifier.domain.certification_path import Authority, TrustAnchor, TrustAnchors, check_path
from verifier.domain.refusal import Reason

from tests.support import jpki
from tests.support.jpki import NOW
from tests.support.ocsp import oid, sequence, tlv
from tests.support.refusals import reason_of

FIRST, SECOND = jpki.generation(Kind.AUTH, 1), jpki.generation(Kind.AUTH, 2)


def path(card, anchors=None, now=NOW):
    return check_path(parse_certificate(card.der), jpki.anchors() if anchors is None else anchors, now)


def untrusted(card, anchors=None, now=NOW):
    return reason_of(path, card, anchors, now) is Reason.CERTIFICATE_UNTRUSTED


def key_identifier(generation):
    return generation.certificate.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value.digest


def aki(key_id, issuer, serial):
    names = None if issuer is None else directory_name(issuer)
    return {x509.AuthorityKeyIdentifier: (x509.AuthorityKeyIdentifier(key_id, names, serial), False)}


@pytest.mark.parametrize("generation", [FIRST, SECOND], ids=["first", "second"])
def test_generations_of_one_name_are_told_apart_by_their_key(generation):
    assert FIRST.certificate.subject == SECOND.certificate.subject
    assert path(jpki.issue(issuer=generation)).key_identifier == key_identifier(generation)


@pytest.mark.parametrize(("kind", "number", "algorithm"), [(Kind.AUTH, 4, "p384"), (Kind.PHONE, 1, "p256")])
def test_elliptic_curve_roots_issue_too(kind, number, algorithm):
    card = jpki.issue(kind=kind, number=number, issuer_algorithm=algorithm, algorithm=algorithm)
    assert path(card).authority is jpki.AUTHORITIES[kind]


def test_a_root_that_is_not_configured_is_not_trusted():
    assert untrusted(jpki.issue(issuer=jpki.generation(Kind.AUTH, 3)))


def test_the_same_name_with_another_key_is_not_trusted():
    # The classic forgery: everything that a careless verifier compares is right, the key is not.
    assert untrusted(jpki.issue(issuer=FIRST, signed_by=jpki.generation(Kind.AUTH, 3)))


def test_the_key_identifier_of_another_generation_is_not_trusted():
    wrong = aki(key_identifier(SECOND), SECOND.certificate.subject, SECOND.certificate.serial_number)
    assert untrusted(jpki.issue(issuer=FIRST, overrides=wrong))


def test_a_changed_certificate_is_not_trusted():
    card = jpki.good_card()
    changed = jpki.spoil(card.der, b"ABCDEFGHIJ1234", b"ABCDEFGHIJ1235")
    assert reason_of(check_path, parse_certificate(changed), jpki.anchors(), NOW) is Reason.CERTIFICATE_UNTRUSTED


NAME, OTHER_NAME = FIRST.certificate.subject, profile.issuer_name(Kind.SIGN)
KEY_ID = key_identifier(FIRST)


@pytest.mark.parametrize(
    "identifier",
    [aki(KEY_ID, NAME, 1), aki(KEY_ID, None, None)],
    ids=["key, issuer and serial", "key alone"],
)
def test_the_authority_key_identifier_names_the_anchor(identifier):
    assert path(jpki.issue(overrides=identifier)).key_identifier == KEY_ID


@pytest.mark.parametrize(
    "identifier",
    [
        {x509.AuthorityKeyIdentifier: None},
        aki(None, NAME, 1),
        aki(KEY_ID, NAME, 2),
        aki(KEY_ID, OTHER_NAME, 1),
        aki(KEY_ID[:-1], NAME, 1),
        {
            x509.AuthorityKeyIdentifier: (
                x509.AuthorityKeyIdentifier(KEY_ID, [*directory_name(NAME), *directory_name(OTHER_NAME)], 1),
                False,
            )
        },
        {x509.AuthorityKeyIdentifier: (x509.AuthorityKeyIdentifier(KEY_ID, [x509.DNSName("jpki")], 1), False)},
    ],
    ids=["absent", "without a key", "wrong serial", "wrong issuer", "half a key", "two issuers", "no directory name"],
)
def test_an_authority_key_identifier_that_names_something_else_is_not_trusted(identifier):
    assert untrusted(jpki.issue(overrides=identifier))


def test_the_issuer_s_name_must_chain_as_well():
    # Same key and key identifier, another name: RFC 5280 §6.1.3 (a)(4).
    leaf = jpki.good_card().certificate
    other = assemble(
        leaf.subject,
        OTHER_NAME,
        leaf.serial_number,
        (leaf.not_valid_before_utc, leaf.not_valid_after_utc),
        leaf.public_key(),
        [(extension.value, extension.critical) for extension in leaf.extensions],
        FIRST.key,
    )
    card = jpki.Card(Kind.AUTH, None, other, FIRST)
    assert untrusted(card)


def test_a_signature_with_sha1_is_not_trusted():
    # cryptography makes none, so the bytes are put together by hand; all else about the certificate is right.
    sha256, sha1 = oid("1.2.840.113549.1.1.11"), oid("1.2.840.113549.1.1.5")
    signed = jpki.good_card().certificate.tbs_certificate_bytes.replace(sha256, sha1)
    signature = FIRST.key.sign(signed, padding.PKCS1v15(), hashes.SHA1())
    der = sequence(signed, sequence(sha1, tlv(0x05)), tlv(0x03, b"\0" + signature))
    assert reason_of(check_path, parse_certificate(der), jpki.anchors(), NOW) is Reason.CERTIFICATE_UNTRUSTED


def test_a_signature_with_pss_is_not_the_profile_s():
    leaf = jpki.good_card().certificate
    builder = x509.CertificateBuilder(
        issuer_name=leaf.issuer,
        subject_name=leaf.subject,
        public_key=leaf.public_key(),
        serial_number=leaf.serial_number,
        not_valid_before=leaf.not_valid_before_utc,
        not_valid_after=leaf.not_valid_after_utc,
        extensions=list(leaf.extensions),
    )
    pss = padding.PSS(padding.MGF1(hashes.SHA256()), padding.PSS.DIGEST_LENGTH)
    certificate = builder.sign(FIRST.key, hashes.SHA256(), rsa_padding=pss)
    certificate.verify_directly_issued_by(FIRST.certificate)
    assert untrusted(jpki.Card(Kind.AUTH, None, certificate, FIRST))


def test_inner_and_outer_algorithm_must_agree():
    card = jpki.good_card()
    sha256, sha512 = oid("1.2.840.113549.1.1.11"), oid("1.2.840.113549.1.1.13")
    head, _, tail = card.der.rpartition(sha256)
    assert (
        reason_of(check_path, parse_certificate(head + sha512 + tail), jpki.anchors(), NOW)
        is Reason.CERTIFICATE_UNTRUSTED
    )


@pytest.mark.parametrize("years", [-4, 8])
def test_an_anchor_outside_its_own_dates_issues_nothing(years):
    now = NOW.replace(year=NOW.year + years)
    card = jpki.issue(not_before=now - timedelta(days=1), not_after=now + timedelta(days=1))
    assert untrusted(card, now=now)


def test_no_anchors_trust_nobody():
    assert untrusted(jpki.good_card(), TrustAnchors([]))


def root_with(*extensions, algorithm="p256"):
    private = jpki.key(algorithm, "odd root")
    return assemble(NAME, NAME, 5, (NOW, NOW + timedelta(days=9)), private.public_key(), list(extensions), private)


CA = (x509.BasicConstraints(ca=True, path_length=None), True)
SIGNS = (key_usage("key_cert_sign", "crl_sign"), True)


def ski(algorithm="p256"):
    return (x509.SubjectKeyIdentifier.from_public_key(jpki.key(algorithm, "odd root").public_key()), False)


def test_a_proper_root_is_an_anchor():
    TrustAnchor.of(root_with(CA, SIGNS, ski()), Authority.PHONE)


@pytest.mark.parametrize(
    ("extensions", "algorithm", "rule"),
    [
        ([SIGNS, ski()], "p256", "basicConstraints"),
        ([(x509.BasicConstraints(ca=False, path_length=None), True), SIGNS, ski()], "p256", "basicConstraints"),
        ([(x509.BasicConstraints(ca=True, path_length=None), False), SIGNS, ski()], "p256", "basicConstraints"),
        ([CA, ski()], "p256", "keyUsage"),
        ([CA, (key_usage("digital_signature", "crl_sign"), True), ski()], "p256", "keyUsage"),
        ([CA, SIGNS], "p256", "subjectKeyIdentifier"),
        ([CA, SIGNS, ski("rsa-1024")], "rsa-1024", "weak key"),
        ([CA, SIGNS, ski("p521")], "p521", "weak key"),
    ],
)
def test_an_anchor_must_be_able_to_issue(extensions, algorithm, rule):
    with pytest.raises(ValueError, match=rule):
        TrustAnchor.of(root_with(*extensions, algorithm=algorithm), Authority.PHONE)


def test_two_anchors_with_one_key_identifier_would_be_ambiguous():
    with pytest.raises(ValueError, match="same subject key identifier"):
        jpki.anchors(FIRST, FIRST)
