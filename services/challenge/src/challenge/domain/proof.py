"""Proofs: ES256 signatures by the claim key over what a request asks for, so that nobody else can ask it."""

import hashlib

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from kit.encoding import b64u, length_prefixed, unb64u

from challenge.domain.claim_key import ClaimKey
from challenge.domain.refusals import Refusal, Refused

_SIGNATURE_BYTES = 64
_ES256 = ec.ECDSA(hashes.SHA256())


def claim_message(token: str) -> bytes:
    """Returns what the proof of a claim signs."""
    return length_prefixed(b"shirushi claim v1", token.encode("ascii"))


def answer_message(challenge_id: str, sealed_evidence: bytes) -> bytes:
    """Returns what the proof of an answer signs: the sealed evidence by its SHA-256."""
    return length_prefixed(
        b"shirushi answer v1", challenge_id.encode("ascii"), hashlib.sha256(sealed_evidence).digest()
    )


def cancel_message(challenge_id: str, reason: str) -> bytes:
    """Returns what the proof of a cancellation signs."""
    return length_prefixed(b"shirushi cancel v1", challenge_id.encode("ascii"), reason.encode("ascii"))


def status_message(challenge_id: str, nonce: bytes) -> bytes:
    """Returns what the proof of a status request signs; the nonce in base64url ties it to one claim."""
    return length_prefixed(b"shirushi status v1", challenge_id.encode("ascii"), b64u(nonce).encode("ascii"))


def check_proof(proof: str, key: ClaimKey, message: bytes) -> None:
    """Checks an ES256 signature (RFC 7518 §3.4: r ‖ s, 64 bytes) in base64url.

    Raises Refused(proof_invalid). Does not refuse the second signature (r, n - s) of the same message: a proof is
    never used as an identifier.
    """
    try:
        key.public_key().verify(_der_of(proof), message, _ES256)
    except (ValueError, InvalidSignature):
        raise Refused(Refusal.PROOF_INVALID) from None


def _der_of(proof: str) -> bytes:
    raw = unb64u(proof, max_bytes=_SIGNATURE_BYTES)
    if len(raw) != _SIGNATURE_BYTES:
        raise ValueError("a signature has 64 bytes")
    return encode_dss_signature(int.from_bytes(raw[:32], "big"), int.from_bytes(raw[32:], "big"))
