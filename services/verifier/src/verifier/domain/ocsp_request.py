"""Makes the question to an OCSP responder: which certificate is meant, and a nonce that only a fresh answer can hold."""

import hashlib
from dataclasses import dataclass
from functools import lru_cache

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509 import ocsp

from verifier.domain.certification_path import TrustAnchor

# RFC 8954 §2.1: 32 octets is what a client should send.
NONCE_BYTES = 32


@dataclass(frozen=True, slots=True, repr=False)
class CertificateId:
    """What names a certificate to a responder (RFC 6960 §4.1.1): SHA-1 of the issuer's name and key, and the serial.

    SHA-1 is what every responder understands (RFC 5019 §2.1.1). It protects nothing here: both inputs are a trust
    anchor's, and the response is signed.
    """

    issuer_name_hash: bytes
    issuer_key_hash: bytes
    serial: int

    @classmethod
    def of(cls, anchor: TrustAnchor, serial: int) -> "CertificateId":
        """Names the certificate with this serial that this anchor issued."""
        return cls(*_issuer_hashes(anchor.certificate), serial)


@dataclass(frozen=True, slots=True, repr=False)
class Inquiry:
    """What is asked: the standing of one certificate of one anchor, with a nonce that no earlier response can hold."""

    anchor: TrustAnchor
    certificate_id: CertificateId
    nonce: bytes

    @classmethod
    def about(cls, anchor: TrustAnchor, serial: int, nonce: bytes) -> "Inquiry":
        """Asks about the certificate with this serial that this anchor issued; `nonce` is 32 random bytes."""
        return cls(anchor, CertificateId.of(anchor, serial), nonce)

    def request(self) -> bytes:
        """Returns the DER of an unsigned request about one certificate (RFC 6960 §4.1.1) with a nonce (RFC 8954)."""
        return (
            ocsp.OCSPRequestBuilder()
            .add_certificate_by_hash(
                self.certificate_id.issuer_name_hash,
                self.certificate_id.issuer_key_hash,
                self.certificate_id.serial,
                hashes.SHA1(),  # noqa: S303 - see CertificateId
            )
            .add_extension(x509.OCSPNonce(self.nonce), critical=False)
            .build()
            .public_bytes(Encoding.DER)
        )


def key_hash(certificate: x509.Certificate) -> bytes:
    """Returns SHA-1 of the subjectPublicKey bits without tag, length and unused bits (RFC 6960 §4.1.1, §4.2.1).

    Raises:
        TypeError: for a key that is neither RSA nor on an elliptic curve.
    """
    key = certificate.public_key()
    if isinstance(key, rsa.RSAPublicKey):
        return _sha1(key.public_bytes(Encoding.DER, PublicFormat.PKCS1))
    if isinstance(key, ec.EllipticCurvePublicKey):
        return _sha1(key.public_bytes(Encoding.X962, PublicFormat.UncompressedPoint))
    raise TypeError


@lru_cache(maxsize=256)
def _issuer_hashes(issuer: x509.Certificate) -> tuple[bytes, bytes]:
    return _sha1(issuer.subject.public_bytes()), key_hash(issuer)


def _sha1(value: bytes) -> bytes:
    return hashlib.sha1(value, usedforsecurity=False).digest()
