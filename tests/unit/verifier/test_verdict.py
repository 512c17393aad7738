"""The checks as a whole: what passes, and that the first that fails gives the reason."""

from datetime import timedelta

import pytest
from sandbox.ca import profile, root
from sandbox.ca.authority import Credential
from sandbox.ca.profile import Kind
from shirushi.evidence.v1 import evidence_pb2 as pb
from verifier.domain.evidence import Attribute, AttributesSource
from verifier.domain.ocsp import CertificateStatus, Standing
from verifier.domain.refusal import Reason
from verifier.domain.verdict import Assurance, check_standing

from tests.support import jpki
from tests.support.jpki import NOW
from tests.support.refusals import reason_of

CARD, NAMED = jpki.good_card(), jpki.good_card(Kind.SIGN)
FROM_CERTIFICATE = {"source": pb.ATTRIBUTES_SOURCE_SIGNATURE_CERTIFICATE, "agreed": ("name", "birthdate")}


def test_a_card_passes(check):
    checked = check()
    assert checked.assurance is Assurance.CARD
    assert checked.authentication.certificate.serial == jpki.SERIAL
    assert checked.authentication.certificate.issuer_key_identifier == checked.authentication.anchor.key_identifier
    assert (checked.attributes, checked.source, checked.agreed) == ({}, None, ())
    assert checked.certificates == (checked.authentication,)


def test_a_phone_passes_with_another_assurance(check):
    assert check(cards=[jpki.good_card(Kind.PHONE, "p256", "p256")]).assurance is Assurance.PHONE


def test_the_next_card_passes(check):
    card = jpki.issue(number=4, issuer_algorithm="p384", algorithm="p384")
    assert check(cards=[card]).assurance is Assurance.CARD


@pytest.mark.parametrize("number", [1, 2])
def test_every_generation_passes(number, check):
    card = jpki.issue(number=number)
    anchor = check(cards=[card]).authentication.anchor
    assert anchor.certificate == jpki.generation(Kind.AUTH, number).certificate


@pytest.mark.parametrize("cards", [[CARD, NAMED], [NAMED, CARD]], ids=["in order", "the other way round"])
def test_the_login_rests_on_the_authentication_certificate_and_the_attributes_on_the_other(cards, check):
    checked = check(cards=cards, **FROM_CERTIFICATE)
    assert checked.authentication.certificate.public_key == CARD.key.public_key()
    assert checked.signature.certificate.public_key == NAMED.key.public_key()
    assert checked.attributes == {Attribute.NAME: "番号　花子", Attribute.BIRTHDATE: "19900515"}
    assert checked.source is AttributesSource.SIGNATURE_CERTIFICATE
    assert len(checked.certificates) == 2


def expired(**wishes):
    return jpki.issue(not_after=NOW - timedelta(days=1), **wishes)


def flip_signature(evidence):
    value = evidence.signatures[0].value
    evidence.signatures[0].value = value[:-1] + bytes([value[-1] ^ 1])


def drop_binding(evidence):
    evidence.binding = b""


def other_nonce(evidence):
    evidence.nonce = b"n" * 32


def other_source(evidence):
    evidence.attributes.source = 7


STRANGER = jpki.generation(Kind.AUTH, 9)
FOREIGN = profile.FOREIGN_POLICY
APP = jpki.app_instance("foreign")
# Each row fails in two places; the reason is that of the check that comes first in the design's order.
ORDER = [
    (Reason.EVIDENCE_INCOMPLETE, {"spoil_attested": drop_binding, "cards": [NAMED]}),
    (Reason.CERTIFICATE_WRONG_KIND, {"cards": [jpki.issue(kind=Kind.SIGN, not_after=NOW - timedelta(days=1))]}),
    (Reason.CERTIFICATE_EXPIRED, {"cards": [expired(issuer=STRANGER)]}),
    (Reason.CERTIFICATE_UNTRUSTED, {"cards": [jpki.issue(issuer=STRANGER, policy=FOREIGN)]}),
    (Reason.CERTIFICATE_WRONG_POLICY, {"cards": [jpki.issue(policy=FOREIGN, algorithm="rsa-e3")]}),
    (Reason.CERTIFICATE_WEAK_KEY, {"cards": [jpki.issue(algorithm="rsa-e3")], "spoil_message": other_nonce}),
    (Reason.MESSAGE_MISMATCH, {"spoil_message": other_nonce, "spoil_signed": flip_signature}),
    (Reason.SIGNATURE_INVALID, {"spoil_signed": flip_signature, "instance": APP}),
    (Reason.ATTESTATION_INVALID, {"instance": APP, "agreed": ("name",), "spoil_signed": other_source}),
    (Reason.ATTRIBUTES_FORBIDDEN_SOURCE, {"agreed": ("name",), "spoil_signed": other_source}),
]


@pytest.mark.parametrize(("reason", "changes"), ORDER, ids=[reason.value for reason, _ in ORDER])
def test_the_first_check_that_fails_gives_the_reason(reason, changes, check):
    assert reason_of(check, **changes) is reason


@pytest.mark.parametrize(
    ("reason", "named"),
    [
        (Reason.CERTIFICATE_EXPIRED, expired(kind=Kind.SIGN)),
        (Reason.CERTIFICATE_UNTRUSTED, jpki.issue(kind=Kind.SIGN, issuer=jpki.generation(Kind.SIGN, 9))),
        (Reason.CERTIFICATE_WRONG_POLICY, jpki.issue(kind=Kind.SIGN, policy=FOREIGN)),
        (Reason.CERTIFICATE_WEAK_KEY, jpki.issue(kind=Kind.SIGN, algorithm="rsa-1024")),
    ],
)
def test_the_signature_certificate_is_checked_as_strictly(reason, named, check):
    assert reason_of(check, cards=[CARD, named], **FROM_CERTIFICATE) is reason


def test_both_cards_must_have_signed(check):
    def flip_second(evidence):
        value = evidence.signatures[1].value
        evidence.signatures[1].value = value[:-1] + bytes([value[-1] ^ 1])

    reason = reason_of(check, cards=[CARD, NAMED], spoil_signed=flip_second, **FROM_CERTIFICATE)
    assert reason is Reason.SIGNATURE_INVALID


def test_a_signature_does_not_count_for_another_certificate(check):
    def swap(evidence):
        evidence.signatures[0].certificate_index, evidence.signatures[1].certificate_index = 1, 0

    assert reason_of(check, cards=[CARD, NAMED], spoil_signed=swap, **FROM_CERTIFICATE) is Reason.SIGNATURE_INVALID


def test_the_order_in_which_signatures_come_is_no_matter(check):
    def turn(evidence):
        first, second = list(evidence.signatures)
        del evidence.signatures[:]
        evidence.signatures.extend([second, first])

    check(cards=[CARD, NAMED], spoil_signed=turn, **FROM_CERTIFICATE)


def test_what_was_agreed_is_signed_by_the_card(check):
    # The app adds consent that the holder did not give; app and attestation are in on it, the card is not.
    def add_consent(evidence):
        evidence.agreed.append(pb.ATTRIBUTE_GENDER)
        evidence.attributes.gender = "2"

    assert reason_of(check, agreed=("name",), spoil_signed=add_consent) is Reason.SIGNATURE_INVALID


def test_the_binding_is_signed_by_the_card(check):
    def bind_elsewhere(evidence):
        evidence.binding = b"b" * 32

    assert reason_of(check, spoil_signed=bind_elsewhere) is Reason.SIGNATURE_INVALID


def instance_until(end):
    authority = jpki.attestation_authority()
    private = jpki.key("p256", "short-lived app")
    period = (end - timedelta(days=1), end)
    return Credential(
        private, root.build_app_instance(private.public_key(), authority.certificate, authority.key, period)
    )


LATER = NOW + timedelta(minutes=40)


def test_an_app_that_was_genuine_when_it_answered_still_is_when_it_is_checked_late(check):
    check(now=LATER, instance=instance_until(NOW + timedelta(minutes=1)))


def test_an_app_that_was_not_when_it_answered_never_is(check):
    # The answer came a second after NOW.
    assert reason_of(check, instance=instance_until(NOW)) is Reason.ATTESTATION_INVALID
    assert reason_of(check, now=LATER, instance=instance_until(NOW)) is Reason.ATTESTATION_INVALID


def test_a_card_that_expired_before_it_is_checked_has_expired(check):
    card = jpki.issue(not_after=NOW + timedelta(minutes=10))
    check(cards=[card])
    assert reason_of(check, now=LATER, cards=[card]) is Reason.CERTIFICATE_EXPIRED


def test_good_stands():
    check_standing(CertificateStatus(Standing.GOOD, NOW))


@pytest.mark.parametrize("standing", [standing for standing in Standing if standing is not Standing.GOOD])
def test_anything_else_does_not(standing):
    assert reason_of(check_standing, CertificateStatus(standing, NOW)).value == f"certificate_{standing.value}"
