"""Decides whether a card has signed the message: the key's type fixes the algorithm, nothing is negotiated."""

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.hashes import SHA256, SHA384

from verifier.domain.certificate import PublicKey
from verifier.domain.evidence import PresentedSignature, SignatureAlgorithm
from verifier.domain.refusal import Reason, Refusal

_BY_CURVE = {
    "secp256r1": SignatureAlgorithm.ECDSA_P256_SHA256,
    "secp384r1": SignatureAlgorithm.ECDSA_P384_SHA384,
}


def algorithm_of(key: PublicKey) -> SignatureAlgorithm | None:
    """Returns the one algorithm that a card with this key signs with; None for a key that no card has."""
    if isinstance(key, rsa.RSAPublicKey):
        return SignatureAlgorithm.RSA_PKCS1_SHA256
    return _BY_CURVE.get(key.curve.name)


def check_card_signature(signature: PresentedSignature, key: PublicKey, message: bytes) -> None:
    """Refuses a signature of another algorithm than the key's, and one that the key has not made over the message.

    RSASSA-PKCS1-v1_5 with SHA-256 (RFC 8017 §8.2.2) or ECDSA in DER (FIPS 186-5, RFC 3279 §2.2.3) with the hash of the
    curve's size.

    Raises:
        Refusal: SIGNATURE_ALGORITHM or SIGNATURE_INVALID.
    """
    if signature.algorithm is None or signature.algorithm is not algorithm_of(key):
        raise Refusal(Reason.SIGNATURE_ALGORITHM)
    try:
        if isinstance(key, rsa.RSAPublicKey):
            key.verify(signature.value, message, padding.PKCS1v15(), SHA256())
        else:
            digest = SHA384() if signature.algorithm is SignatureAlgorithm.ECDSA_P384_SHA384 else SHA256()
            key.verify(signature.value, message, ec.ECDSA(digest))
    except InvalidSignature:
        raise Refusal(Reason.SIGNATURE_INVALID) from None
