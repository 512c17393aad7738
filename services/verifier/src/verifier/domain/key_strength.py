"""Decides which keys and which signature algorithms of certificates are good enough; `cryptography` accepts far more."""

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.types import PublicKeyTypes
from cryptography.x509.oid import SignatureAlgorithmOID

from verifier.domain.refusal import Reason, Refusal

MIN_RSA_BITS = 2048
# The JPKI profile; any other exponent is the mark of a key that no conforming issuer certifies.
RSA_EXPONENT = 65537
CURVES = ("secp256r1", "secp384r1")

RSA_ALGORITHMS = frozenset(
    {
        SignatureAlgorithmOID.RSA_WITH_SHA256,
        SignatureAlgorithmOID.RSA_WITH_SHA384,
        SignatureAlgorithmOID.RSA_WITH_SHA512,
    }
)
ECDSA_ALGORITHMS = frozenset(
    {
        SignatureAlgorithmOID.ECDSA_WITH_SHA256,
        SignatureAlgorithmOID.ECDSA_WITH_SHA384,
        SignatureAlgorithmOID.ECDSA_WITH_SHA512,
    }
)


def is_strong(key: PublicKeyTypes | None) -> bool:
    """Says whether a key is RSA of 2048 bits or more with e = 65537, or lies on P-256 or P-384."""
    if isinstance(key, rsa.RSAPublicKey):
        return key.key_size >= MIN_RSA_BITS and key.public_numbers().e == RSA_EXPONENT
    return isinstance(key, ec.EllipticCurvePublicKey) and key.curve.name in CURVES


def check_key_strength(key: PublicKeyTypes | None) -> None:
    """Refuses a leaf's key that is weak or of an unknown type.

    Raises:
        Refusal: CERTIFICATE_WEAK_KEY.
    """
    if not is_strong(key):
        raise Refusal(Reason.CERTIFICATE_WEAK_KEY)


def algorithms_of(key: PublicKeyTypes) -> frozenset[x509.ObjectIdentifier]:
    """Returns what a key may sign certificates and OCSP responses with: SHA-2 only, and never PSS (JPKI profile)."""
    if isinstance(key, rsa.RSAPublicKey):
        return RSA_ALGORITHMS
    return ECDSA_ALGORITHMS if isinstance(key, ec.EllipticCurvePublicKey) else frozenset()
