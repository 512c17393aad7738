"""Which certificates a login needs, and that a certificate is of the kind that the app says."""

import pytest
from sandbox.ca.profile import Kind
from verifier.domain.certificate import parse_certificate
from verifier.domain.evidence import CertificateKind, PresentedCertificate
from verifier.domain.kind import check_kind, check_kinds
from verifier.domain.refusal import Reason

from tests.support import jpki
from tests.support.refusals import reason_of

AUTH, SIGN = CertificateKind.USER_AUTHENTICATION, CertificateKind.SIGNATURE


def presented(*kinds):
    return [PresentedCertificate(kind, b"der") for kind in kinds]


@pytest.mark.parametrize("kinds", [[AUTH], [AUTH, SIGN], [SIGN, AUTH]])
def test_a_login_rests_on_one_authentication_certificate(kinds):
    check_kinds(presented(*kinds))


@pytest.mark.parametrize("kinds", [[SIGN], [SIGN, SIGN], [None], [AUTH, None], []])
def test_without_it_or_with_an_unknown_one_the_kind_is_wrong(kinds):
    assert reason_of(check_kinds, presented(*kinds)) is Reason.CERTIFICATE_WRONG_KIND


@pytest.mark.parametrize("kinds", [[AUTH, AUTH], [AUTH, SIGN, SIGN]])
def test_two_of_one_kind_are_too_many(kinds):
    assert reason_of(check_kinds, presented(*kinds)) is Reason.EVIDENCE_INCOMPLETE


@pytest.mark.parametrize(
    ("card", "declared"),
    [
        (jpki.good_card(), AUTH),
        (jpki.good_card(Kind.PHONE, "p256", "p256"), AUTH),
        (jpki.good_card(Kind.SIGN), SIGN),
    ],
    ids=["card", "phone", "signature"],
)
def test_the_issuer_confirms_what_the_app_says(card, declared, rules):
    check_kind(parse_certificate(card.der), declared, rules.anchors)


@pytest.mark.parametrize(
    ("card", "declared"),
    [
        (jpki.good_card(Kind.SIGN), AUTH),
        (jpki.good_card(), SIGN),
        (jpki.good_card(Kind.PHONE, "p256", "p256"), SIGN),
        (jpki.good_card(), None),
    ],
    ids=["signature as authentication", "authentication as signature", "phone as signature", "not said"],
)
def test_the_issuer_contradicts_the_app(card, declared, rules):
    assert reason_of(check_kind, parse_certificate(card.der), declared, rules.anchors) is Reason.CERTIFICATE_WRONG_KIND


def test_of_a_stranger_the_kind_cannot_be_told(rules):
    stranger = jpki.issue(issuer=jpki.generation(Kind.SIGN, 9))
    check_kind(parse_certificate(stranger.der), AUTH, rules.anchors)
