"""Decides whether a genuine app instance vouches for the evidence, and so for what the card itself does not sign.

That is the sector commitment, the attributes as the app read them from the card, and the key under which the phone is told
the reason of a refusal. It is judged as of when the answer came, as challenge says: the instance's certificate is
short-lived, and in an outage of the revocation source a check may end long after. Not checked: whether that certificate was
revoked; the platform's own attestation (Android key attestation, App Attest) stands behind its issue.
"""

import hashlib
from datetime import datetime

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256
from kit.encoding import length_prefixed

from verifier.domain.certificate import UnverifiedCertificate, parse_certificate
from verifier.domain.certification_path import Authority, TrustAnchors, check_path
from verifier.domain.evidence import Evidence, PresentedAttestation
from verifier.domain.policies import PROCESSED_EXTENSIONS
from verifier.domain.refusal import Reason, Refusal
from verifier.domain.validity import check_validity

LABEL = b"shirushi attestation v1"
_COORDINATE_BYTES = 32


def attested_digest(evidence: Evidence, message: bytes) -> bytes:
    """Returns what the app instance signs: SHA-256 over the label, the signed message's digest and what it leaves out."""
    return hashlib.sha256(
        length_prefixed(
            LABEL,
            hashlib.sha256(message).digest(),
            evidence.sector_commitment,
            evidence.attributes.serialized if evidence.attributes is not None else b"",
            evidence.notice_key,
        )
    ).digest()


def check_attestation(evidence: Evidence, message: bytes, anchors: TrustAnchors, answered_at: datetime) -> None:
    """Refuses evidence that no app instance vouches for that was genuine when the answer came.

    Raises:
        Refusal: ATTESTATION_INVALID, whatever is wrong with it: the holder can do nothing about the difference.
    """
    attestation = evidence.attestation
    if attestation is None:
        raise Refusal(Reason.ATTESTATION_INVALID)
    try:
        key = check_instance_certificate(parse_certificate(attestation.certificate_der), anchors, answered_at)
    except Refusal:
        raise Refusal(Reason.ATTESTATION_INVALID) from None
    check_instance_signature(attestation, key, attested_digest(evidence, message))


def check_instance_certificate(
    certificate: UnverifiedCertificate, anchors: TrustAnchors, answered_at: datetime
) -> ec.EllipticCurvePublicKey:
    """Returns the P-256 key of an app instance that an attestation authority certifies for signing.

    Raises:
        Refusal: any reason of a certificate.
    """
    check_validity(certificate, answered_at)
    anchor = check_path(certificate, anchors, answered_at)
    usage, key = certificate.key_usage, certificate.public_key
    if (
        # A person's certificate authority vouches for no app.
        anchor.authority is not Authority.APP_ATTESTATION
        or usage is None
        or not usage.digital_signature
        or certificate.is_authority
        or not certificate.critical <= PROCESSED_EXTENSIONS
        or not isinstance(key, ec.EllipticCurvePublicKey)
        or key.curve.name != "secp256r1"
    ):
        raise Refusal(Reason.ATTESTATION_INVALID)
    return key


def check_instance_signature(attestation: PresentedAttestation, key: ec.EllipticCurvePublicKey, digest: bytes) -> None:
    """Refuses a signature that is not ES256 as JOSE writes it: r and s, 32 bytes each (RFC 7518 §3.4).

    Raises:
        Refusal: ATTESTATION_INVALID.
    """
    if len(attestation.signature) != 2 * _COORDINATE_BYTES:
        raise Refusal(Reason.ATTESTATION_INVALID)
    r = int.from_bytes(attestation.signature[:_COORDINATE_BYTES], "big")
    s = int.from_bytes(attestation.signature[_COORDINATE_BYTES:], "big")
    try:
        key.verify(encode_dss_signature(r, s), digest, ec.ECDSA(SHA256()))
    except InvalidSignature:
        raise Refusal(Reason.ATTESTATION_INVALID) from None
