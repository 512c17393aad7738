"""RFC 6960 §3.2: what a response says, and every way in which it says nothing."""

import dataclasses
from datetime import timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import ocsp as library
from cryptography.x509.oid import ExtendedKeyUsageOID
from hypothesis import given, settings
from hypothesis import strategies as st
from sandbox.ca.authority import Credential
from sandbox.ca.profile import Kind
from verifier.domain.certification_path import Authority, TrustAnchor
from verifier.domain.ocsp import MAX_RESPONSE_BYTES, CertificateStatus, Freshness, Standing, read_response
from verifier.domain.ocsp_request import Inquiry
from verifier.domain.ocsp_responder import Unusable

from tests.support import jpki, ocsp
from tests.support.jpki import NOW, SERIAL
from tests.support.refusals import end_of, problem_of

ISSUER, OTHER = jpki.generation(Kind.AUTH, 1), jpki.generation(Kind.AUTH, 2)
ANCHOR = TrustAnchor.of(ISSUER.certificate, Authority.USER_AUTHENTICATION)
NONCE = bytes(range(32))
INQUIRY = Inquiry.about(ANCHOR, SERIAL, NONCE)
SELF = Credential(ISSUER.key, ISSUER.certificate)
RESPONDER = ocsp.responder(ISSUER)
MINUTES = timedelta(minutes=1)


def answer(signer=None, single=None, **changes):
    return ocsp.answer_to(INQUIRY.request(), ISSUER, signer, single=single, **changes)


def read(der, now=NOW, freshness=Freshness(), inquiry=INQUIRY):  # noqa: B008 - frozen
    return read_response(der, inquiry, now, freshness)


def problem(der, **changes):
    return problem_of(read, der, **changes)


# What is asked


def test_the_request_is_the_one_that_a_library_makes():
    made = (
        library.OCSPRequestBuilder()
        .add_certificate(jpki.good_card().certificate, ISSUER.certificate, hashes.SHA1())
        .add_extension(x509.OCSPNonce(NONCE), critical=False)
        .build()
    )
    assert INQUIRY.request() == made.public_bytes(Encoding.DER)


def test_elliptic_curve_issuers_are_named_the_same_way():
    issuer = jpki.generation(Kind.AUTH, 4, "p384")
    card = jpki.good_card(Kind.PHONE, "p256", "p256")
    phones = jpki.generation(Kind.PHONE, 1, "p256")
    for each, leaf in ((issuer, jpki.issue(issuer=issuer)), (phones, card)):
        anchor = TrustAnchor.of(each.certificate, Authority.PHONE)
        made = library.OCSPRequestBuilder().add_certificate(leaf.certificate, each.certificate, hashes.SHA1()).build()
        inquiry = Inquiry.about(anchor, leaf.certificate.serial_number, NONCE)
        assert inquiry.certificate_id.issuer_key_hash == made.issuer_key_hash
        assert inquiry.certificate_id.issuer_name_hash == made.issuer_name_hash


# What counts as an answer


@pytest.mark.parametrize(
    ("status", "standing"),
    [
        ("good", Standing.GOOD),
        ("revoked", Standing.REVOKED),
        ("key_compromise", Standing.REVOKED),
        ("suspended", Standing.SUSPENDED),
        ("unknown", Standing.UNKNOWN),
    ],
)
def test_a_usable_answer_tells_the_standing(status, standing):
    assert read(answer(single={"status": status})) == CertificateStatus(standing, NOW)


@pytest.mark.parametrize(
    "der",
    [
        answer(SELF),
        answer(SELF, certificates=()),
        answer(RESPONDER, by_name=True),
        answer(ocsp.responder(ISSUER, name="rsa responder", algorithm="rsa")),
        answer(ocsp.responder(ISSUER, usages=(ExtendedKeyUsageOID.OCSP_SIGNING, ExtendedKeyUsageOID.CLIENT_AUTH))),
        answer(single={"next_update": None}),
    ],
    ids=["the issuer itself", "without certificate", "named by name", "RSA", "more usages", "no nextUpdate"],
)
def test_who_may_answer_is_believed(der):
    assert read(der).standing is Standing.GOOD


def test_the_library_s_own_responses_are_read_too():
    made = (
        library.OCSPResponseBuilder()
        .add_response(
            jpki.good_card().certificate,
            ISSUER.certificate,
            hashes.SHA1(),
            library.OCSPCertStatus.GOOD,
            NOW,
            NOW + 5 * MINUTES,
            None,
            None,
        )
        .responder_id(library.OCSPResponderEncoding.HASH, RESPONDER.certificate)
        .certificates([RESPONDER.certificate])
        .add_extension(x509.OCSPNonce(NONCE), critical=False)
        .sign(RESPONDER.key, hashes.SHA256())
    )
    # producedAt is the machine's own time there.
    freshness = Freshness(max_age=timedelta(days=9999), tolerance=timedelta(days=9999))
    assert read(made.public_bytes(Encoding.DER), freshness=freshness).standing is Standing.GOOD


# What does not: one row, one rule. The first column is the metric's label.

CRITICAL = ocsp.extension("1.3.6.1.4.1.55555.1", b"\x05\x00", critical=True)
PERSON = jpki.good_card()
WRONG_HASH = bytes(20)
GOOD_SINGLE = ocsp.Single(ISSUER, SERIAL)

ROWS = {
    "malformed request": ("status_malformed_request", answer(status=1)),
    "internal error": ("status_internal_error", answer(status=2)),
    "try later": ("status_try_later", answer(status=3)),
    "signature required": ("status_sig_required", answer(status=5)),
    "unauthorized": ("status_unauthorized", answer(status=6)),
    "a status that does not exist": ("malformed", answer(status=9)),
    "empty": ("malformed", b""),
    "HTML": ("malformed", b"<html>Service unavailable</html>"),
    "cut": ("malformed", answer()[:-1]),
    "something behind it": ("malformed", answer() + b"\0"),
    "too large": ("too_large", answer() + bytes(MAX_RESPONSE_BYTES)),
    "no answer": ("several_answers", answer(singles=())),
    "two answers": ("several_answers", answer(singles=(GOOD_SINGLE, ocsp.Single(ISSUER, SERIAL + 1)))),
    "the same answer twice": ("several_answers", answer(singles=(GOOD_SINGLE, GOOD_SINGLE))),
    "a critical extension": ("critical_extension", answer(extensions=(CRITICAL,))),
    "a critical extension of the answer": ("critical_extension", answer(single={"extensions": CRITICAL})),
    "another serial": ("wrong_certificate", answer(singles=(ocsp.Single(ISSUER, SERIAL + 1),))),
    "another issuer": ("wrong_certificate", answer(singles=(ocsp.Single(OTHER, SERIAL),))),
    "another issuer's name": ("wrong_certificate", answer(single={"name_hash": WRONG_HASH})),
    "another issuer's key": ("wrong_certificate", answer(single={"key_hash": WRONG_HASH})),
    "another digest than asked": ("wrong_certificate", answer(single={"digest": ocsp.SHA256})),
    "two responder certificates": (
        "several_responders",
        answer(certificates=(RESPONDER.certificate, ISSUER.certificate)),
    ),
    "a signature with one bit turned": ("signature", answer(signature=b"\x30\x06\x02\x01\x01\x02\x01\x01")),
    "a signature by another key": ("signature", answer(RESPONDER, certificates=(ISSUER.certificate,), algorithm=ocsp.RSA_SHA256)),
    "signed with SHA-1": ("signature_algorithm", answer(SELF, algorithm=ocsp.RSA_SHA1)),
    "an algorithm that is not the key's": ("signature_algorithm", answer(RESPONDER, algorithm=ocsp.RSA_SHA256)),
    "a weak responder key": ("weak_responder_key", answer(ocsp.responder(ISSUER, name="weak", algorithm="rsa-1024"))),
    "a responder id of another key": ("responder_identity", answer(responder_id=ocsp.tlv(0xA2, ocsp.octets(WRONG_HASH)))),
    "a responder id of another name": (
        "responder_identity",
        answer(responder_id=ocsp.tlv(0xA1, ISSUER.certificate.subject.public_bytes())),
    ),
    "a responder of another generation": ("responder_not_authorised", answer(ocsp.responder(OTHER))),
    "another root": ("responder_not_authorised", answer(Credential(OTHER.key, OTHER.certificate))),
    "a person's certificate": ("responder_not_authorised", answer(Credential(PERSON.key, PERSON.certificate))),
    "a responder without the usage": ("responder_not_authorised", answer(ocsp.responder(ISSUER, usages=None))),
    "a responder for anything": (
        "responder_not_authorised",
        answer(ocsp.responder(ISSUER, usages=(ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE,))),
    ),
    "a responder whose key does not sign": (
        "responder_not_authorised",
        answer(ocsp.responder(ISSUER, key_usage="key_encipherment")),
    ),
    "a responder with a TLS feature that nobody knows": (
        "malformed",
        answer(Credential(RESPONDER.key, jpki.with_extensions(RESPONDER.certificate, ISSUER, ((jpki.UNKNOWN_TLS_FEATURE, False),)))),
    ),
    "an expired responder": (
        "responder_expired",
        answer(ocsp.responder(ISSUER, not_before=NOW - timedelta(days=9), not_after=NOW - timedelta(seconds=2))),
    ),
    "a responder of the future": ("responder_expired", answer(ocsp.responder(ISSUER, not_before=NOW + MINUTES))),
    "no nonce": ("nonce", answer(nonce=None)),
    "another nonce": ("nonce", answer(nonce=bytes(32))),
    "half the nonce": ("nonce", answer(nonce=NONCE[:16])),
    "an empty nonce": ("nonce", answer(nonce=b"")),
    "made 30 minutes ago": ("produced_at", answer(produced_at=NOW - 30 * MINUTES)),
    "made in 30 minutes": ("produced_at", answer(produced_at=NOW + 30 * MINUTES)),
    "known 30 minutes ago": ("this_update_too_old", answer(single={"this_update": NOW - 30 * MINUTES})),
    "known in 30 minutes": (
        "this_update_in_future",
        answer(single={"this_update": NOW + 30 * MINUTES, "next_update": NOW + 60 * MINUTES}),
    ),
    "outdated since 30 minutes": ("next_update_passed", answer(single={"this_update": NOW - 10 * MINUTES, "next_update": NOW - 2 * MINUTES})),
    "outdated before it was known": (
        "next_update_passed",
        answer(single={"this_update": NOW, "next_update": NOW - timedelta(seconds=1)}),
    ),
}  # fmt: skip


@pytest.mark.parametrize(("expected", "der"), ROWS.values(), ids=ROWS.keys())
def test_a_response_that_breaks_a_rule_says_nothing(expected, der):
    assert problem(der) == expected


def test_a_responder_certified_with_pss_is_not_the_profile_s():
    builder = x509.CertificateBuilder(
        issuer_name=ISSUER.certificate.subject,
        subject_name=RESPONDER.certificate.subject,
        public_key=RESPONDER.key.public_key(),
        serial_number=78,
        not_valid_before=NOW - MINUTES,
        not_valid_after=NOW + MINUTES,
        extensions=list(RESPONDER.certificate.extensions),
    )
    pss = padding.PSS(padding.MGF1(hashes.SHA256()), padding.PSS.DIGEST_LENGTH)
    certificate = builder.sign(ISSUER.key, hashes.SHA256(), rsa_padding=pss)
    assert problem(answer(Credential(RESPONDER.key, certificate))) == "responder_not_authorised"


def test_what_is_remembered_of_a_responder_are_its_dates_and_not_that_it_was_valid():
    until = NOW + 20 * MINUTES
    signer = ocsp.responder(ISSUER, not_after=until)
    assert read(answer(signer)).standing is Standing.GOOD
    later = until + timedelta(seconds=1)
    single = {"this_update": later, "next_update": later + MINUTES}
    assert problem(answer(signer, single=single, produced_at=later), now=later) == "responder_expired"


def test_revoked_by_who_may_not_say_so_says_nothing():
    assert problem(answer(ocsp.responder(OTHER), single={"status": "revoked"})) == "responder_not_authorised"


@pytest.mark.parametrize("signer", [SELF, RESPONDER], ids=["by the issuer", "by a responder"])
def test_an_expired_authority_answers_for_nobody(signer):
    later = NOW.replace(year=NOW.year + 8)
    if signer is RESPONDER:
        signer = ocsp.responder(ISSUER, not_after=later + timedelta(days=1))
    single = {"this_update": later, "next_update": later + MINUTES}
    assert problem(answer(signer, single=single, produced_at=later), now=later) == "responder_expired"


TOLERATED = Freshness(max_age=15 * MINUTES, tolerance=MINUTES)


@pytest.mark.parametrize("minutes", [-16, -15, -1, 0, 1])
def test_clocks_may_differ_within_the_tolerance(minutes):
    at = NOW + minutes * MINUTES
    der = answer(single={"this_update": at, "next_update": at + 20 * MINUTES}, produced_at=at)
    assert read(der, freshness=TOLERATED).this_update == at


@pytest.mark.parametrize("seconds", [-961, 61])
def test_and_not_a_second_beyond(seconds):
    at = NOW + timedelta(seconds=seconds)
    der = answer(single={"this_update": at, "next_update": at + 40 * MINUTES})
    assert problem(der, freshness=TOLERATED).startswith("this_update")
    assert problem(answer(produced_at=at), freshness=TOLERATED) == "produced_at"


WITHOUT_NONCE = Freshness(max_age=15 * MINUTES, tolerance=MINUTES, nonce_required=False)


def test_where_the_operator_does_without_nonces_an_answer_made_ahead_is_one():
    at = NOW - 14 * MINUTES
    der = answer(nonce=None, single={"this_update": at, "next_update": NOW + timedelta(seconds=1)}, produced_at=at)
    assert read(der, freshness=WITHOUT_NONCE) == CertificateStatus(Standing.GOOD, at)
    assert read(answer(), freshness=WITHOUT_NONCE).standing is Standing.GOOD
    assert read(answer(nonce=None, single={"status": "revoked"}), freshness=WITHOUT_NONCE).standing is Standing.REVOKED


NO_BETTER_WITHOUT_NONCE = {
    "another nonce": ("nonce", answer(nonce=bytes(32))),
    "half the nonce": ("nonce", answer(nonce=NONCE[:16])),
    "an empty nonce": ("nonce", answer(nonce=b"")),
    "no nextUpdate": ("next_update_missing", answer(nonce=None, single={"next_update": None})),
    # With a nonce the clocks may differ; here it is the only bound.
    "nextUpdate just now": ("next_update_passed", answer(nonce=None, single={"next_update": NOW})),
    "known 30 minutes ago": ("this_update_too_old", answer(nonce=None, single={"this_update": NOW - 30 * MINUTES})),
    "made 30 minutes ago": ("produced_at", answer(nonce=None, produced_at=NOW - 30 * MINUTES)),
    "a signature by who may not": ("responder_not_authorised", answer(ocsp.responder(OTHER), nonce=None)),
}


@pytest.mark.parametrize(("expected", "der"), NO_BETTER_WITHOUT_NONCE.values(), ids=NO_BETTER_WITHOUT_NONCE.keys())
def test_also_where_the_operator_does_without_nonces_a_response_that_breaks_a_rule_says_nothing(expected, der):
    assert problem(der, freshness=WITHOUT_NONCE) == expected


def test_an_answer_to_another_question_is_none():
    other = dataclasses.replace(INQUIRY, nonce=b"o" * 32)
    assert problem(answer(), inquiry=other) == "nonce"
    assert problem(answer(), inquiry=Inquiry.about(ANCHOR, SERIAL + 1, NONCE)) == "wrong_certificate"


GOOD = answer()


@given(st.binary(max_size=400))
def test_any_bytes_say_nothing(der):
    assert problem(der)


@settings(max_examples=400)
@given(
    st.lists(
        st.tuples(st.integers(0, len(GOOD) - 1), st.integers(1, 255)),
        min_size=1,
        max_size=3,
        unique_by=lambda flip: flip[0],
    )
)
def test_a_spoilt_response_never_says_anything_else_than_the_honest_one(flips):
    spoilt = bytearray(GOOD)
    for at, mask in flips:
        spoilt[at] ^= mask
    end = end_of(read, bytes(spoilt))
    assert isinstance(end, Unusable) or end == CertificateStatus(Standing.GOOD, NOW)
