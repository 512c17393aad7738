"""Translates what the phone sealed into the domain's evidence; whatever cannot be read is one refusal."""

from typing import Literal

from google.protobuf.message import DecodeError, Message
from google.protobuf.unknown_fields import UnknownFieldSet
from kit.sealing import Sealer, SealingError, SealingPrivateKey, info, unpad
from shirushi.evidence.v1 import evidence_pb2 as pb

from verifier.domain.evidence import (
    MAX_SEALED_BYTES,
    VERSION,
    Attribute,
    AttributesSource,
    CertificateKind,
    Evidence,
    PresentedAttestation,
    PresentedAttributes,
    PresentedCertificate,
    PresentedSignature,
    SignatureAlgorithm,
)
from verifier.domain.refusal import Reason, Refusal

_KINDS = {
    pb.CERTIFICATE_KIND_USER_AUTHENTICATION: CertificateKind.USER_AUTHENTICATION,
    pb.CERTIFICATE_KIND_SIGNATURE: CertificateKind.SIGNATURE,
}
_ALGORITHMS = {
    pb.SIGNATURE_ALGORITHM_RSA_PKCS1_SHA256: SignatureAlgorithm.RSA_PKCS1_SHA256,
    pb.SIGNATURE_ALGORITHM_ECDSA_P256_SHA256: SignatureAlgorithm.ECDSA_P256_SHA256,
    pb.SIGNATURE_ALGORITHM_ECDSA_P384_SHA384: SignatureAlgorithm.ECDSA_P384_SHA384,
}
_SOURCES = {
    pb.ATTRIBUTES_SOURCE_CARD_APP: AttributesSource.CARD_APP,
    pb.ATTRIBUTES_SOURCE_SIGNATURE_CERTIFICATE: AttributesSource.SIGNATURE_CERTIFICATE,
}
_FIELDS: dict[Attribute, Literal["name", "address", "birthdate", "gender"]] = {
    Attribute.NAME: "name",
    Attribute.ADDRESS: "address",
    Attribute.BIRTHDATE: "birthdate",
    Attribute.GENDER: "gender",
}
# More parts than these are too many whatever is in them; decoding them one by one would be work for nothing.
_MAX_PARTS = 16


def unseal(sealed: bytes, private_key: SealingPrivateKey, epoch: int, challenge_id: str, sealer: Sealer) -> bytes:
    """Opens the phone's HPKE and takes the padding off.

    Raises:
        Refusal: EVIDENCE_UNREADABLE, also for evidence that was sealed for another challenge or epoch.
    """
    if len(sealed) > MAX_SEALED_BYTES:
        raise Refusal(Reason.EVIDENCE_UNREADABLE)
    place = info(VERSION, "evidence", "phone", "verifier", epoch, challenge_id.encode())
    try:
        return unpad(sealer.open_(sealed, private_key, place))
    except SealingError:
        raise Refusal(Reason.EVIDENCE_UNREADABLE) from None


def read_evidence(payload: bytes) -> Evidence:
    """Decodes evidence of the version that is known here.

    Raises:
        Refusal: EVIDENCE_UNREADABLE. A field that this version does not have makes evidence unreadable too: nothing may
            come in that nobody looks at. Those among the attributes are left to the check of their source.
    """
    message = pb.Evidence()
    try:
        message.ParseFromString(payload)
    except DecodeError:
        raise Refusal(Reason.EVIDENCE_UNREADABLE) from None
    if message.version != VERSION or _is_oversized(message) or _has_unknown_parts(message):
        raise Refusal(Reason.EVIDENCE_UNREADABLE)
    return Evidence(
        binding=message.binding,
        agreed=_agreed(message),
        challenge_id=message.challenge_id,
        nonce=message.nonce,
        expires_at=message.expires_at,
        claim_key_thumbprint=message.claim_key_thumbprint,
        sealing_key_thumbprint=message.sealing_key_thumbprint,
        certificates=tuple(PresentedCertificate(_KINDS.get(c.kind), c.der) for c in message.certificates),
        signatures=tuple(
            PresentedSignature(s.certificate_index, _ALGORITHMS.get(s.algorithm), s.value) for s in message.signatures
        ),
        attributes=_attributes(message.attributes) if message.HasField("attributes") else None,
        attestation=(
            PresentedAttestation(message.attestation.certificate_der, message.attestation.signature)
            if message.HasField("attestation")
            else None
        ),
        sector_commitment=message.sector_commitment,
        notice_key=message.notice_key,
    )


def _is_oversized(message: pb.Evidence) -> bool:
    return max(len(message.agreed), len(message.certificates), len(message.signatures)) > _MAX_PARTS


def _has_unknown_parts(message: pb.Evidence) -> bool:
    parts: list[Message] = [message, message.attestation, *message.certificates, *message.signatures]
    return any(len(UnknownFieldSet(part)) for part in parts)


def _agreed(message: pb.Evidence) -> tuple[Attribute, ...]:
    try:
        return tuple(Attribute(number) for number in message.agreed)
    except ValueError:
        # Agreement to something that has no name here can be carried out by nobody.
        raise Refusal(Reason.EVIDENCE_UNREADABLE) from None


def _attributes(message: pb.CardAttributes) -> PresentedAttributes:
    return PresentedAttributes(
        values={attribute: getattr(message, name) for attribute, name in _FIELDS.items() if message.HasField(name)},
        source=_SOURCES.get(message.source),
        serialized=message.SerializeToString(deterministic=True),
        foreign=bool(len(UnknownFieldSet(message))),
    )
