"""Decides whether opened evidence is whole and within bounds, before anything in it is parsed further."""

from dataclasses import dataclass, field
from enum import Enum, IntEnum

from verifier.domain.refusal import Reason, Refusal

VERSION = 1
# What challenge accepts from the app; the padded evidence with the encapsulated key is about 7.3 KiB.
MAX_SEALED_BYTES = 64 * 1024
MAX_CERTIFICATES = 4
MAX_SIGNATURES = 4
# Genuine leaves have 1.5 to 2.2 KiB.
MAX_CERTIFICATE_BYTES = 4096
# An RSA-4096 signature; a DER-encoded ECDSA one over P-384 has at most 104 bytes.
MAX_SIGNATURE_BYTES = 512
BINDING_BYTES = 32
COMMITMENT_BYTES = 32
NOTICE_KEY_BYTES = 32


class Attribute(IntEnum):
    """What a relying party may ask for beside the pseudonym; the numbers give the order in which they are signed."""

    NAME = 1
    ADDRESS = 2
    BIRTHDATE = 3
    GENDER = 4


class CertificateKind(Enum):
    """What the app says a certificate is for; the issuer decides whether that is true."""

    USER_AUTHENTICATION = "user_authentication"
    SIGNATURE = "signature"


class SignatureAlgorithm(Enum):
    """How a card signs."""

    RSA_PKCS1_SHA256 = "rsa_pkcs1_sha256"
    ECDSA_P256_SHA256 = "ecdsa_p256_sha256"
    ECDSA_P384_SHA384 = "ecdsa_p384_sha384"


class AttributesSource(Enum):
    """Where the attributes come from, and so what vouches for them."""

    CARD_APP = "card_app"
    SIGNATURE_CERTIFICATE = "signature_certificate"


@dataclass(frozen=True, slots=True, repr=False)
class PresentedCertificate:
    """A certificate as it came; `kind` is None where the app named one that is unknown here."""

    kind: CertificateKind | None
    der: bytes


@dataclass(frozen=True, slots=True, repr=False)
class PresentedSignature:
    """A card's signature as it came; `algorithm` is None where the app named none or one that is unknown here."""

    certificate_index: int
    algorithm: SignatureAlgorithm | None
    value: bytes


@dataclass(frozen=True, slots=True, repr=False)
class PresentedAttributes:
    """Attributes as they came.

    Attributes:
        values: those that are there, also when they are empty.
        source: None where the app named none or one that is unknown here.
        serialized: the message as the app instance attests it.
        foreign: whether there was anything in it beside the four values and the source.
    """

    values: dict[Attribute, str]
    source: AttributesSource | None
    serialized: bytes
    foreign: bool


@dataclass(frozen=True, slots=True, repr=False)
class PresentedAttestation:
    """The app instance's certificate and its raw ES256 signature, as they came."""

    certificate_der: bytes
    signature: bytes


@dataclass(frozen=True, slots=True, repr=False)
class Evidence:
    """What the phone sealed to the verifier, decoded and not yet believed in anything."""

    binding: bytes
    agreed: tuple[Attribute, ...]
    challenge_id: str
    nonce: bytes
    expires_at: int
    claim_key_thumbprint: bytes
    sealing_key_thumbprint: bytes
    certificates: tuple[PresentedCertificate, ...]
    signatures: tuple[PresentedSignature, ...]
    attributes: PresentedAttributes | None
    attestation: PresentedAttestation | None
    sector_commitment: bytes
    notice_key: bytes = field(default=b"")


def check_completeness(evidence: Evidence) -> None:
    """Refuses evidence that lacks a part, has too many or one out of bounds.

    Not checked here: that a certificate of the right kind is among them, nor anything that a part says.

    Raises:
        Refusal: EVIDENCE_INCOMPLETE.
    """
    whole = (
        len(evidence.binding) == BINDING_BYTES
        and len(evidence.sector_commitment) == COMMITMENT_BYTES
        and len(evidence.notice_key) == NOTICE_KEY_BYTES
        and 1 <= len(evidence.certificates) <= MAX_CERTIFICATES
        and all(1 <= len(certificate.der) <= MAX_CERTIFICATE_BYTES for certificate in evidence.certificates)
        and evidence.attestation is not None
        and 1 <= len(evidence.attestation.certificate_der) <= MAX_CERTIFICATE_BYTES
        and 1 <= len(evidence.attestation.signature) <= MAX_SIGNATURE_BYTES
    )
    if not whole:
        raise Refusal(Reason.EVIDENCE_INCOMPLETE)
    check_one_signature_each(evidence)
    check_attributes_presence(evidence)


def check_one_signature_each(evidence: Evidence) -> None:
    """Refuses a certificate whose key has not signed, a second signature by one, and a signature by none.

    Without it somebody's signature certificate, which is no secret, could lend its attributes to another card.

    Raises:
        Refusal: EVIDENCE_INCOMPLETE.
    """
    indexes = sorted(signature.certificate_index for signature in evidence.signatures)
    if len(indexes) > MAX_SIGNATURES or indexes != list(range(len(evidence.certificates))):
        raise Refusal(Reason.EVIDENCE_INCOMPLETE)
    # An empty value is left to the check of the signature: "none" is an algorithm, not an absence.
    if any(len(signature.value) > MAX_SIGNATURE_BYTES for signature in evidence.signatures):
        raise Refusal(Reason.EVIDENCE_INCOMPLETE)


def check_attributes_presence(evidence: Evidence) -> None:
    """Refuses an agreement to attributes of which none came, and a signature certificate that is there for nothing.

    A signature certificate names the person, so it may come only where its attributes were agreed to.

    Raises:
        Refusal: EVIDENCE_INCOMPLETE, or ATTRIBUTES_MISMATCH for a signature certificate beyond what was agreed.
    """
    if evidence.agreed and evidence.attributes is None:
        raise Refusal(Reason.EVIDENCE_INCOMPLETE)
    named = sum(certificate.kind is CertificateKind.SIGNATURE for certificate in evidence.certificates)
    wanted = (
        bool(evidence.agreed)
        and evidence.attributes is not None
        and evidence.attributes.source is AttributesSource.SIGNATURE_CERTIFICATE
    )
    if wanted and named == 0:
        raise Refusal(Reason.EVIDENCE_INCOMPLETE)
    authenticating = any(
        certificate.kind is CertificateKind.USER_AUTHENTICATION for certificate in evidence.certificates
    )
    if named and authenticating and not wanted:
        raise Refusal(Reason.ATTRIBUTES_MISMATCH)
