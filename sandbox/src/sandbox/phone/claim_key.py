"""The key that the app makes for one login; every request after the claim proves that the same app sent it."""

import hashlib

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from kit.encoding import b64u, length_prefixed

P256 = ec.SECP256R1()
ES256 = ec.ECDSA(hashes.SHA256())


def raw_es256(key: ec.EllipticCurvePrivateKey, message: bytes) -> bytes:
    """An ES256 signature as r||s, 64 bytes (RFC 7518 §3.4)."""
    r, s = decode_dss_signature(key.sign(message, ES256))
    return r.to_bytes(32, "big") + s.to_bytes(32, "big")


class ClaimKey:
    """A fresh P-256 key, its public JWK and RFC 7638 thumbprint."""

    def __init__(self) -> None:
        self._key = ec.generate_private_key(P256)
        numbers = self._key.public_key().public_numbers()
        x, y = (b64u(value.to_bytes(32, "big")) for value in (numbers.x, numbers.y))
        self.jwk = {"kty": "EC", "crv": "P-256", "x": x, "y": y}
        # RFC 7638 §3: the required members in lexicographic order, without white space.
        self.thumbprint = hashlib.sha256(f'{{"crv":"P-256","kty":"EC","x":"{x}","y":"{y}"}}'.encode()).digest()

    def prove(self, label: str, *parts: bytes) -> str:
        """The proof of one request: the label says which, the parts bind its content."""
        return b64u(raw_es256(self._key, length_prefixed(label.encode(), *parts)))
