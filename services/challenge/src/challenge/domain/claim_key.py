"""The phone's claim key: a P-256 public key made for one login, and its RFC 7638 thumbprint."""

import hashlib
from dataclasses import dataclass
from functools import lru_cache

from cryptography.hazmat.primitives.asymmetric import ec
from kit.encoding import b64u, unb64u

from challenge.domain.refusals import Refusal, Refused

_COORDINATE_BYTES = 32


@dataclass(frozen=True, slots=True)
class ClaimKey:
    """The uncompressed point (65 bytes) of a P-256 public key that was found to lie on the curve."""

    point: bytes

    @property
    def thumbprint(self) -> bytes:
        """SHA-256 of the key's canonical JWK (RFC 7638 §3): 32 bytes."""
        x = b64u(self.point[1:33])
        y = b64u(self.point[33:])
        return hashlib.sha256(f'{{"crv":"P-256","kty":"EC","x":"{x}","y":"{y}"}}'.encode("ascii")).digest()

    def public_key(self) -> ec.EllipticCurvePublicKey:
        """Returns the key for verification."""
        return _on_curve(self.point)


@lru_cache(maxsize=256)
def _on_curve(point: bytes) -> ec.EllipticCurvePublicKey:
    # Parsing checks the point and costs as much as a verification; a login needs its key three times within seconds.
    return ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), point)


def claim_key_of_coordinates(x: str, y: str) -> ClaimKey:
    """Returns the key of a JWK's `x` and `y` (RFC 7518 §6.2.1: base64url of exactly 32 bytes each).

    Raises Refused(malformed_request) where the point is not on P-256.
    """
    try:
        point = b"\x04" + _coordinate(x) + _coordinate(y)
        _on_curve(point)
    except ValueError:
        raise Refused(Refusal.MALFORMED_REQUEST, "claim_key is not a P-256 public key") from None
    return ClaimKey(point)


def _coordinate(text: str) -> bytes:
    value = unb64u(text, max_bytes=_COORDINATE_BYTES)
    if len(value) != _COORDINATE_BYTES:
        raise ValueError("a coordinate has 32 bytes")
    return value
