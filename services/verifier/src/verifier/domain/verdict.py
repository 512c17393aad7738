"""Decides the verdict on evidence: the checks in their order, the first that fails gives the one reason.

The order is the design's: kind, dates, path, policies and usage, message and signature, attestation and origin of the
attributes, revocation. Revocation comes last, since it costs money and tells a third party that the card was used.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import Enum

from verifier.domain.attestation import check_attestation
from verifier.domain.attributes import agreed_attributes
from verifier.domain.card_signature import check_card_signature
from verifier.domain.certificate import VerifiedCertificate, parse_certificate
from verifier.domain.certification_path import Authority, TrustAnchor, TrustAnchors, check_path, utc
from verifier.domain.evidence import (
    Attribute,
    AttributesSource,
    CertificateKind,
    Evidence,
    PresentedCertificate,
    check_completeness,
)
from verifier.domain.kind import check_kind, check_kinds
from verifier.domain.ocsp import CertificateStatus, Standing
from verifier.domain.policies import Profile, check_profile
from verifier.domain.refusal import Reason, Refusal
from verifier.domain.signed_message import Issued, check_message
from verifier.domain.validity import check_validity


class Assurance(Enum):
    """What the holder has proved possession of."""

    CARD = "card"
    PHONE = "phone"


@dataclass(frozen=True, slots=True)
class Rules:
    """What a deployment trusts and demands."""

    anchors: TrustAnchors
    attestation_anchors: TrustAnchors
    profiles: Mapping[Authority, Profile]


@dataclass(frozen=True, slots=True, repr=False)
class CheckedCertificate:
    """A certificate that passed everything but revocation, with the anchor that issued it."""

    certificate: VerifiedCertificate
    anchor: TrustAnchor


@dataclass(frozen=True, slots=True, repr=False)
class Checked:
    """Evidence that passed every check but revocation.

    Attributes:
        authentication: the certificate that the login rests on.
        signature: the certificate that holds the attributes, if they come from one.
        source: None where no attribute passes on.
    """

    authentication: CheckedCertificate
    signature: CheckedCertificate | None
    attributes: Mapping[Attribute, str]
    source: AttributesSource | None
    agreed: tuple[Attribute, ...]
    assurance: Assurance
    binding: bytes
    sector_commitment: bytes

    @property
    def certificates(self) -> tuple[CheckedCertificate, ...]:
        """Those whose revocation is still to be asked for."""
        return (self.authentication,) if self.signature is None else (self.authentication, self.signature)


def check_evidence(evidence: Evidence, issued: Issued, rules: Rules, now: datetime) -> Checked:
    """Checks everything that needs no third party: people's certificates as of now, the app's as of when it answered.

    Not checked: the binding, which is the gateway's to compare, and revocation, which `check_standing` decides next.

    Raises:
        Refusal: the first check that failed.
    """
    check_completeness(evidence)
    check_kinds(evidence.certificates)
    certificates = [check_certificate(presented, rules, now) for presented in evidence.certificates]
    message = check_message(evidence, issued)
    for signature in evidence.signatures:
        key = certificates[signature.certificate_index].certificate.public_key
        check_card_signature(signature, key, message)
    check_attestation(evidence, message, rules.attestation_anchors, utc(issued.answered_at))
    by_kind = dict(zip((presented.kind for presented in evidence.certificates), certificates, strict=True))
    authentication = by_kind[CertificateKind.USER_AUTHENTICATION]
    signed = by_kind.get(CertificateKind.SIGNATURE)
    attributes = agreed_attributes(evidence, None if signed is None else signed.certificate)
    return Checked(
        authentication=authentication,
        signature=signed,
        attributes=attributes,
        source=evidence.attributes.source if evidence.attributes is not None and attributes else None,
        agreed=evidence.agreed,
        assurance=Assurance.PHONE if authentication.anchor.authority is Authority.PHONE else Assurance.CARD,
        binding=evidence.binding,
        sector_commitment=evidence.sector_commitment,
    )


def check_certificate(presented: PresentedCertificate, rules: Rules, now: datetime) -> CheckedCertificate:
    """Checks one certificate: kind, dates, path, then policy, usage and key.

    Raises:
        Refusal: CERTIFICATE_MALFORMED or the first check that failed.
    """
    certificate = parse_certificate(presented.der)
    check_kind(certificate, presented.kind, rules.anchors)
    check_validity(certificate, now)
    anchor = check_path(certificate, rules.anchors, now)
    check_profile(certificate, rules.profiles[anchor.authority])
    key = certificate.public_key
    if key is None:
        # `check_profile` has refused it; the type checker cannot know.
        raise Refusal(Reason.CERTIFICATE_WEAK_KEY)
    verified = VerifiedCertificate(
        issuer_key_identifier=anchor.key_identifier,
        serial=certificate.serial,
        public_key=key,
        other_names=certificate.other_names,
        ocsp_url=certificate.ocsp_url,
    )
    return CheckedCertificate(verified, anchor)


_REFUSED_STANDINGS = {
    Standing.REVOKED: Reason.CERTIFICATE_REVOKED,
    Standing.SUSPENDED: Reason.CERTIFICATE_SUSPENDED,
    Standing.UNKNOWN: Reason.CERTIFICATE_UNKNOWN,
}


def check_standing(status: CertificateStatus) -> None:
    """Refuses a certificate of which the revocation source says anything but good.

    Raises:
        Refusal: CERTIFICATE_REVOKED, CERTIFICATE_SUSPENDED or CERTIFICATE_UNKNOWN.
    """
    if status.standing is not Standing.GOOD:
        raise Refusal(_REFUSED_STANDINGS[status.standing])
