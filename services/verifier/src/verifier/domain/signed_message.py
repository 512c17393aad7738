"""Rebuilds the message that the card must have signed from what challenge says it issued, and compares the evidence.

The card signs without any domain separation of its own, so all binding is in this message. Two parts are the holder's and
cannot be known here: the binding, which the gateway compares with its own, and the agreement.
"""

import hmac
from dataclasses import dataclass

from kit.encoding import length_prefixed

from verifier.domain.evidence import Attribute, Evidence
from verifier.domain.refusal import Reason, Refusal

LABEL = b"shirushi evidence v1"
NONCE_BYTES = 32
THUMBPRINT_BYTES = 32


@dataclass(frozen=True, slots=True, repr=False)
class Issued:
    """What challenge says it issued, to which claim key, and when the answer reached it.

    Attributes:
        expires_at: Unix seconds.
        answered_at: Unix seconds.
        sealing_key_thumbprint: SHA-256 of the verifier's own sealing public key of the login's epoch.
    """

    challenge_id: str
    nonce: bytes
    expires_at: int
    answered_at: float
    claim_key_thumbprint: bytes
    sealing_key_thumbprint: bytes


def signed_message(issued: Issued, binding: bytes, agreed: tuple[Attribute, ...]) -> bytes:
    """Returns what the card signs; attributes by name in the order of their numbers."""
    return length_prefixed(
        LABEL,
        binding,
        length_prefixed(*(attribute.name.lower().encode() for attribute in agreed)),
        issued.challenge_id.encode(),
        issued.nonce,
        str(issued.expires_at).encode(),
        issued.claim_key_thumbprint,
        issued.sealing_key_thumbprint,
    )


def check_message(evidence: Evidence, issued: Issued) -> bytes:
    """Returns the message that the card must have signed.

    The signature is checked over the rebuilt message and would fail by itself; comparing first tells evidence for
    another challenge from a broken signature.

    Raises:
        Refusal: MESSAGE_MISMATCH or CHALLENGE_EXPIRED.
    """
    check_issued_values(evidence, issued)
    check_agreement_order(evidence.agreed)
    check_answered_in_time(issued)
    return signed_message(issued, evidence.binding, evidence.agreed)


def check_issued_values(evidence: Evidence, issued: Issued) -> None:
    """Refuses evidence for another challenge, nonce, expiry, claim key or sealing key.

    Raises:
        Refusal: MESSAGE_MISMATCH.
    """
    same = (
        evidence.challenge_id == issued.challenge_id
        and hmac.compare_digest(evidence.nonce, issued.nonce)
        and evidence.expires_at == issued.expires_at
        and hmac.compare_digest(evidence.claim_key_thumbprint, issued.claim_key_thumbprint)
        and hmac.compare_digest(evidence.sealing_key_thumbprint, issued.sealing_key_thumbprint)
    )
    if not same:
        raise Refusal(Reason.MESSAGE_MISMATCH)


def check_agreement_order(agreed: tuple[Attribute, ...]) -> None:
    """Refuses an agreement that names an attribute twice or out of order: one agreement has one message.

    Raises:
        Refusal: MESSAGE_MISMATCH.
    """
    if list(agreed) != sorted(set(agreed)):
        raise Refusal(Reason.MESSAGE_MISMATCH)


def check_answered_in_time(issued: Issued) -> None:
    """Refuses an answer that reached challenge after the challenge's time; how long checking takes does not count.

    Raises:
        Refusal: CHALLENGE_EXPIRED.
    """
    if issued.answered_at > issued.expires_at:
        raise Refusal(Reason.CHALLENGE_EXPIRED)
