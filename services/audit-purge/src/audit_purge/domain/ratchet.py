"""One chain of deadline secrets: what is derived from the secret of an epoch, and how the next one follows from it.

Every derivation has a label of its own and the secret itself is never used for anything else. A later secret follows
from an earlier one and not the reverse, so overwriting the secret of the oldest epoch destroys that epoch for good.
"""

import hashlib

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

SECRET_BYTES = 32


def _derive(secret: bytearray, label: bytes) -> bytearray:
    derived = bytearray(SECRET_BYTES)
    HKDF(algorithm=SHA256(), length=SECRET_BYTES, salt=None, info=label).derive_into(secret, derived)
    return derived


def next_secret(secret: bytearray) -> bytearray:
    """s[e+1] = HKDF-SHA256(s[e], "ratchet"), 32 bytes; the caller overwrites s[e] when its time is up."""
    return _derive(secret, b"ratchet")


def share_of(secret: bytearray, service: str) -> bytes:
    """A service's share of an epoch: HKDF-SHA256(s[e], "share" followed by the service's name), 32 bytes."""
    return bytes(_derive(secret, b"share" + service.encode()))


def commitment_to(secret: bytearray) -> bytes:
    """The public commitment to an epoch's secret: SHA-256(HKDF-SHA256(s[e], "commit")), 32 bytes."""
    return hashlib.sha256(_derive(secret, b"commit")).digest()


def wipe(secret: bytearray) -> None:
    """Overwrites a secret in place, as far as Python lets one: copies that a library made are not reached."""
    secret[:] = bytes(len(secret))
