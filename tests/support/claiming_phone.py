"""A phone's claim key with its proofs, made without the code of challenge; for tests of its domain and of its API."""

import hashlib
from dataclasses import dataclass, field

from challenge.domain.claim_key import ClaimKey
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from kit.encoding import b64u


def joined(*parts: bytes) -> bytes:
    """Each part behind its length."""
    return b"".join(len(part).to_bytes(4, "big") + part for part in parts)


@dataclass
class ClaimingPhone:
    """A phone with a key of its own."""

    private: ec.EllipticCurvePrivateKey = field(default_factory=lambda: ec.generate_private_key(ec.SECP256R1()))

    @property
    def point(self) -> bytes:
        numbers = self.private.public_key().public_numbers()
        return b"\x04" + numbers.x.to_bytes(32, "big") + numbers.y.to_bytes(32, "big")

    @property
    def key(self) -> ClaimKey:
        return ClaimKey(self.point)

    @property
    def jwk(self) -> dict[str, str]:
        return {"kty": "EC", "crv": "P-256", "x": b64u(self.point[1:33]), "y": b64u(self.point[33:])}

    def sign(self, *parts: bytes) -> str:
        r, s = decode_dss_signature(self.private.sign(joined(*parts), ec.ECDSA(hashes.SHA256())))
        return b64u(r.to_bytes(32, "big") + s.to_bytes(32, "big"))

    def claim_proof(self, token: str) -> str:
        return self.sign(b"shirushi claim v1", token.encode())

    def answer_proof(self, challenge_id: str, sealed: bytes) -> str:
        return self.sign(b"shirushi answer v1", challenge_id.encode(), hashlib.sha256(sealed).digest())

    def cancel_proof(self, challenge_id: str, reason: str) -> str:
        return self.sign(b"shirushi cancel v1", challenge_id.encode(), reason.encode())

    def status_proof(self, challenge_id: str, nonce: bytes) -> str:
        return self.sign(b"shirushi status v1", challenge_id.encode(), b64u(nonce).encode())
