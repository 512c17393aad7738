"""The refusal table: one row, one rule, one reason, from the phone's evidence to the verdict that the gateway opens."""

from datetime import timedelta

import pytest
from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID
from sandbox.ca import profile
from sandbox.ca.authority import Credential
from sandbox.ca.profile import Kind
from shirushi.evidence.v1 import evidence_pb2
from shirushi.verifier.v1 import events_pb2 as pb
from verifier.domain.deadline import VERDICT_DUE_MINUTES
from verifier.domain.ocsp import Standing
from verifier.domain.refusal import Reason

from tests.support import evidence as phone
from tests.support import jpki, ocsp
from tests.support.jpki import NOW

DAY, HALF_AN_HOUR = timedelta(days=1), timedelta(minutes=30)
CARD, NAMED = jpki.good_card(), jpki.good_card(Kind.SIGN)


def spoil_signature(evidence):
    value = evidence.signatures[0].value
    evidence.signatures[0].value = value[:-1] + bytes([value[-1] ^ 1])


def set_(path, value):
    """Sets a field of the evidence, of its first certificate or of its first signature."""

    def spoil(evidence):
        part, _, name = path.rpartition(".")
        target = {"": evidence, "certificate": evidence.certificates[:1], "signature": evidence.signatures[:1]}[part]
        setattr(target[0] if part else target, name, value)

    return spoil


def app_link_origin(evidence):
    # The holder was shown one origin and the card signed it; on its way the answer is bound to another.
    evidence.binding = b"another origin's binding".ljust(32, b"\0")


def drop(name):
    return lambda evidence: evidence.ClearField(name)


def foreign_attributes(evidence):
    # What an app would send that reads EF 0003 too: a field that no version of the message has.
    evidence.attributes.MergeFromString(b"\x9a\x06\x20" + bytes(range(32)))


def number_in_name(evidence):
    evidence.attributes.name = "番号　花子 123456789018"


def more_than_agreed(evidence):
    evidence.attributes.address = "東京都清瀬市松山１－２－３"


def usages(*identifiers):
    return {x509.ExtendedKeyUsage: (x509.ExtendedKeyUsage(list(identifiers)), False)}


def cards(*wished, **wishes):
    return {"cards": list(wished) or [jpki.issue(**wishes)]}


STRANGER = jpki.generation(Kind.AUTH, 9)
REFUSED_BY_THE_PHONE_S_EVIDENCE = {
    # Opening and completeness.
    "evidence of another version": (Reason.EVIDENCE_UNREADABLE, {"spoil_attested": set_("version", 2)}),
    "agreement to what has no name": (
        Reason.EVIDENCE_UNREADABLE,
        {"spoil_attested": lambda e: e.agreed.append(99)},
    ),
    "certificate missing": (Reason.EVIDENCE_INCOMPLETE, {"spoil_attested": drop("certificates")}),
    "certificate empty": (Reason.EVIDENCE_INCOMPLETE, {"spoil_attested": set_("certificate.der", b"")}),
    "signature missing": (Reason.EVIDENCE_INCOMPLETE, {"spoil_attested": drop("signatures")}),
    "attestation missing": (Reason.EVIDENCE_INCOMPLETE, {"spoil_attested": drop("attestation")}),
    "two authentication certificates": (Reason.EVIDENCE_INCOMPLETE, cards(CARD, CARD)),
    # The certificate.
    "certificate an array": (Reason.CERTIFICATE_MALFORMED, {"spoil_attested": set_("certificate.der", b'["MII"]')}),
    "certificate a number": (Reason.CERTIFICATE_MALFORMED, {"spoil_attested": set_("certificate.der", b"1234")}),
    "certificate cut": (Reason.CERTIFICATE_MALFORMED, {"spoil_attested": set_("certificate.der", CARD.der[:-9])}),
    "certificate with a TLS feature that nobody knows": (
        Reason.CERTIFICATE_MALFORMED,
        cards(extra=((jpki.UNKNOWN_TLS_FEATURE, False),)),
    ),
    "only a signature certificate": (Reason.CERTIFICATE_WRONG_KIND, cards(NAMED)),
    "a signature certificate that says it is for authentication": (
        Reason.CERTIFICATE_WRONG_KIND,
        cards(NAMED) | {"spoil_message": set_("certificate.kind", evidence_pb2.CERTIFICATE_KIND_USER_AUTHENTICATION)},
    ),
    "a certificate of no kind": (Reason.CERTIFICATE_WRONG_KIND, {"spoil_message": set_("certificate.kind", 0)}),
    "expired": (Reason.CERTIFICATE_EXPIRED, cards(not_after=NOW - HALF_AN_HOUR)),
    "not yet valid": (Reason.CERTIFICATE_NOT_YET_VALID, cards(not_before=NOW + HALF_AN_HOUR)),
    "issuer not trusted": (Reason.CERTIFICATE_UNTRUSTED, cards(issuer=STRANGER)),
    "issuer's name with a stranger's key": (Reason.CERTIFICATE_UNTRUSTED, cards(signed_by=STRANGER)),
    "certificate changed": (
        Reason.CERTIFICATE_UNTRUSTED,
        {"spoil_message": set_("certificate.der", jpki.spoil(CARD.der, b"ABCDEFGHIJ", b"ABCDEFGHIK"))},
    ),
    "wrong policy": (Reason.CERTIFICATE_WRONG_POLICY, cards(policy=profile.FOREIGN_POLICY)),
    "policy not critical": (
        Reason.CERTIFICATE_WRONG_POLICY,
        cards(
            overrides={
                x509.CertificatePolicies: (
                    x509.CertificatePolicies([x509.PolicyInformation(profile.POLICIES[Kind.AUTH], None)]),
                    False,
                )
            }
        ),
    ),
    "wrong usage": (
        Reason.CERTIFICATE_WRONG_USAGE,
        cards(overrides=usages(ExtendedKeyUsageOID.SERVER_AUTH)),
    ),
    "key usage missing": (Reason.CERTIFICATE_WRONG_USAGE, cards(overrides={x509.KeyUsage: None})),
    "an authority's certificate": (
        Reason.CERTIFICATE_WRONG_USAGE,
        cards(extra=((x509.BasicConstraints(ca=True, path_length=0), True),)),
    ),
    "RSA of 1024 bits": (Reason.CERTIFICATE_WEAK_KEY, cards(algorithm="rsa-1024")),
    "an odd curve": (Reason.CERTIFICATE_WEAK_KEY, cards(algorithm="k256")),
    # Message and signature.
    "wrong nonce": (Reason.MESSAGE_MISMATCH, {"spoil_message": set_("nonce", b"n" * 32)}),
    "nonce missing": (Reason.MESSAGE_MISMATCH, {"spoil_message": set_("nonce", b"")}),
    "wrong challenge": (Reason.MESSAGE_MISMATCH, {"spoil_message": set_("challenge_id", "cB")}),
    "wrong claim key": (Reason.MESSAGE_MISMATCH, {"spoil_message": set_("claim_key_thumbprint", b"c" * 32)}),
    "wrong sealing key": (Reason.MESSAGE_MISMATCH, {"spoil_message": set_("sealing_key_thumbprint", b"s" * 32)}),
    "a longer life": (Reason.MESSAGE_MISMATCH, {"spoil_message": set_("expires_at", phone.EXPIRES_AT + 600)}),
    "wrong origin": (Reason.SIGNATURE_INVALID, {"spoil_signed": app_link_origin}),
    "nonce swapped after signing": (
        Reason.SIGNATURE_INVALID,
        {"spoil_message": set_("nonce", b"n" * 32), "spoil_signed": set_("nonce", phone.NONCE)},
    ),
    "signature spoilt": (Reason.SIGNATURE_INVALID, {"spoil_signed": spoil_signature}),
    "signature empty": (Reason.SIGNATURE_INVALID, {"spoil_signed": set_("signature.value", b"")}),
    "swapped certificate": (
        Reason.SIGNATURE_INVALID,
        {"spoil_signed": set_("certificate.der", jpki.issue(algorithm="rsa", kind=Kind.PHONE, issuer=jpki.generation(Kind.PHONE, 1, "p256")).der)},
    ),
    "algorithm none": (Reason.SIGNATURE_ALGORITHM, {"spoil_signed": set_("signature.algorithm", 0)}),
    "algorithm unknown": (Reason.SIGNATURE_ALGORITHM, {"spoil_signed": set_("signature.algorithm", 99)}),
    "algorithm of another key": (
        Reason.SIGNATURE_ALGORITHM,
        {"spoil_signed": set_("signature.algorithm", evidence_pb2.SIGNATURE_ALGORITHM_ECDSA_P256_SHA256)},
    ),
    # App and attributes.
    "an app that nobody knows": (Reason.ATTESTATION_INVALID, {"instance": jpki.app_instance("foreign")}),
    "another sector's commitment": (
        Reason.ATTESTATION_INVALID,
        {"spoil_attested": set_("sector_commitment", b"m" * 32)},
    ),
    "another name than the app attested": (
        Reason.ATTESTATION_INVALID,
        {"agreed": ("name",), "spoil_attested": lambda e: setattr(e.attributes, "name", "番号　太郎")},
    ),
    "more than agreed": (
        Reason.ATTRIBUTES_MISMATCH,
        {"agreed": ("name",), "spoil_message": more_than_agreed},
    ),
    "a signature certificate that nobody asked for": (Reason.ATTRIBUTES_MISMATCH, cards(CARD, NAMED)),
    "a field beside the four": (
        Reason.ATTRIBUTES_FORBIDDEN_SOURCE,
        {"agreed": ("name",), "spoil_signed": foreign_attributes},
    ),
    "a My Number in a name": (
        Reason.ATTRIBUTES_FORBIDDEN_SOURCE,
        {"agreed": ("name",), "spoil_message": number_in_name},
    ),
    "a source that is not known": (
        Reason.ATTRIBUTES_FORBIDDEN_SOURCE,
        {"agreed": ("name",), "source": 3, "spoil_message": lambda e: setattr(e.attributes, "name", "番号　花子")},
    ),
}  # fmt: skip


def name_of(refused):
    return pb.Reason.Name(refused.reason).removeprefix("REASON_")


@pytest.mark.parametrize(
    ("reason", "changes"), REFUSED_BY_THE_PHONE_S_EVIDENCE.values(), ids=REFUSED_BY_THE_PHONE_S_EVIDENCE.keys()
)
async def test_evidence_that_breaks_a_rule_is_refused_for_that(reason, changes, world):
    verdict = await world.answer(**changes)
    assert name_of(verdict.refused) == reason.name
    assert world.responder.asked == 0
    assert world.parked == {}


STANDINGS = {
    "revoked": (Reason.CERTIFICATE_REVOKED, Standing.REVOKED),
    "suspended": (Reason.CERTIFICATE_SUSPENDED, Standing.SUSPENDED),
    "unknown": (Reason.CERTIFICATE_UNKNOWN, Standing.UNKNOWN),
}


@pytest.mark.parametrize(("reason", "standing"), STANDINGS.values(), ids=STANDINGS.keys())
async def test_a_card_that_does_not_stand_is_refused(reason, standing, world):
    world.responder.standing = standing
    assert name_of((await world.answer()).refused) == reason.name


async def test_an_answer_after_its_time_is_refused(world):
    fact = world.fact(answered_at_ms=phone.EXPIRES_AT * 1000 + 1)
    assert name_of((await world.answer(fact)).refused) == Reason.CHALLENGE_EXPIRED.name


async def test_when_nobody_answered_until_the_verdict_is_due_it_is_a_refusal(world, clock):
    world.responder.away = True
    fact = world.fact()
    clock.t = world.hour.epoch_start(world.epoch) + world.hour.minutes(VERDICT_DUE_MINUTES)
    assert name_of((await world.answer(fact)).refused) == Reason.REVOCATION_UNAVAILABLE.name
    assert world.parked == {}


# Web eID's list about OCSP: none of these says anything about the card, so the check waits instead of refusing.
ISSUER = jpki.generation()
OTHER = jpki.generation(Kind.AUTH, 2)


def response(single=None, signer=None, **changes):
    return lambda inquiry: ocsp.answer_to(inquiry.request(), ISSUER, signer, single=single, **changes)


UNREADABLE_RESPONDER = Credential(
    ocsp.responder(ISSUER).key,
    jpki.with_extensions(ocsp.responder(ISSUER).certificate, ISSUER, ((jpki.UNKNOWN_TLS_FEATURE, False),)),
)
NO_ANSWERS = {
    "address": lambda inquiry: b"<html>404</html>",
    "body": lambda inquiry: b"\x30\x03\x0a\x01",
    "status": response(status=2),
    "certificate id": response(single={"key_hash": bytes(20)}),
    "signature": response(signature=bytes(64)),
    "responder certificate": response(signer=ocsp.responder(OTHER)),
    "responder certificate unreadable": response(signer=UNREADABLE_RESPONDER),
    "two answers": response(
        singles=(ocsp.Single(ISSUER, jpki.SERIAL), ocsp.Single(ISSUER, jpki.SERIAL, status="revoked"))
    ),
    "two responder certificates": response(
        certificates=(ocsp.responder(ISSUER).certificate, ocsp.responder(OTHER).certificate)
    ),
    "expired responder": response(signer=ocsp.responder(ISSUER, not_before=NOW - 2 * DAY, not_after=NOW - DAY)),
    "differing nonce": response(nonce=bytes(32)),
    "thirty minutes late": response(single={"this_update": NOW - HALF_AN_HOUR}),
    "thirty minutes early": response(single={"this_update": NOW + HALF_AN_HOUR, "next_update": NOW + DAY}),
    "revoked, says somebody": response(signer=ocsp.responder(OTHER), single={"status": "revoked"}),
}


@pytest.mark.parametrize("broken", NO_ANSWERS.values(), ids=NO_ANSWERS.keys())
async def test_an_ocsp_response_that_breaks_a_rule_is_no_answer(broken, world):
    world.responder.broken = broken
    assert await world.answer() is None
    assert len(world.delayed) == 1
    assert len(world.parked) == 1


async def test_the_same_response_unbroken_is_one(world):
    world.responder.broken = response()
    assert (await world.answer()).HasField("verified")


ROWS_ELSEWHERE = {Reason.CHALLENGE_EXPIRED, Reason.REVOCATION_UNAVAILABLE}


def test_every_reason_that_the_verifier_can_give_has_a_row():
    rows = {reason for reason, _ in (*REFUSED_BY_THE_PHONE_S_EVIDENCE.values(), *STANDINGS.values())}
    assert rows | ROWS_ELSEWHERE == set(Reason)
