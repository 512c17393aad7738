"""Translates the domain's verdict into the fact that the gateway reads, and a reason into the notice for the phone."""

import os
from datetime import datetime

from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from shirushi.evidence.v1 import evidence_pb2
from shirushi.verifier.v1 import events_pb2 as pb

from verifier.domain.evidence import Attribute, AttributesSource
from verifier.domain.refusal import Reason
from verifier.domain.revocation import RevocationCheck
from verifier.domain.verdict import Assurance, Checked

NOTICE_NONCE_BYTES = 12
NOTICE_LABEL = b"shirushi notice v1"

REASONS = {reason: pb.Reason.Value(f"REASON_{reason.name}") for reason in Reason}
_ASSURANCES = {Assurance.CARD: pb.ASSURANCE_CARD, Assurance.PHONE: pb.ASSURANCE_PHONE}
_SOURCES = {
    AttributesSource.CARD_APP: evidence_pb2.ATTRIBUTES_SOURCE_CARD_APP,
    AttributesSource.SIGNATURE_CERTIFICATE: evidence_pb2.ATTRIBUTES_SOURCE_SIGNATURE_CERTIFICATE,
}
_ATTRIBUTES = {
    Attribute.NAME: evidence_pb2.ATTRIBUTE_NAME,
    Attribute.ADDRESS: evidence_pb2.ATTRIBUTE_ADDRESS,
    Attribute.BIRTHDATE: evidence_pb2.ATTRIBUTE_BIRTHDATE,
    Attribute.GENDER: evidence_pb2.ATTRIBUTE_GENDER,
}


def verified(checked: Checked, revocation: RevocationCheck, sealed_subject: bytes) -> pb.VerificationCompleted:
    """Returns the verdict on evidence that passed every check; `sealed_subject` is the envelope for pseudonym."""
    message = pb.Verified(
        binding=checked.binding,
        agreed=[_ATTRIBUTES[attribute] for attribute in checked.agreed],
        assurance=_ASSURANCES[checked.assurance],
        revocation=pb.RevocationCheck(
            method=pb.REVOCATION_METHOD_OCSP,
            checked_at_ms=milliseconds(revocation.checked_at),
            this_update_ms=milliseconds(revocation.this_update),
        ),
        sealed_subject=sealed_subject,
        verified_at_ms=milliseconds(revocation.checked_at),
    )
    if checked.source is not None:
        message.attributes.source = _SOURCES[checked.source]
        for attribute, value in checked.attributes.items():
            setattr(message.attributes, attribute.name.lower(), value)
    return pb.VerificationCompleted(verified=message)


def refused(reason: Reason, notice_key: bytes | None, challenge_id: str) -> pb.VerificationCompleted:
    """Returns a refusal with a notice that only the phone that answered can open; none where the evidence gave no key."""
    notice = b"" if notice_key is None else seal_notice(reason, notice_key, challenge_id)
    return pb.VerificationCompleted(refused=pb.Refused(reason=REASONS[reason], notice=notice))


def seal_notice(reason: Reason, notice_key: bytes, challenge_id: str) -> bytes:
    """Seals the exact reason to the phone: a nonce of 12 bytes and AES-256-GCM, bound to the challenge."""
    nonce = os.urandom(NOTICE_NONCE_BYTES)
    notice = pb.Notice(reason=REASONS[reason]).SerializeToString()
    return nonce + AESGCM(notice_key).encrypt(nonce, notice, NOTICE_LABEL + challenge_id.encode())


def milliseconds(at: datetime) -> int:
    """Returns Unix milliseconds."""
    return int(at.timestamp() * 1000)
