"""HPKE to one receiver, and padding to one size a type: what travels or rests is read by whom it was meant for.

The suite is X-Wing (ML-KEM-768 with X25519, KEM id 0x647a, draft-ietf-hpke-pq), HKDF-SHA256, AES-256-GCM (RFC 9180).
"""

import struct
from functools import lru_cache

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.mlkem import MLKEM768PrivateKey, MLKEM768PublicKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.hpke import (
    AEAD,
    KDF,
    KEM,
    MLKEM768X25519PrivateKey,
    MLKEM768X25519PublicKey,
    Suite,
)

from kit.encoding import length_prefixed

_SUITE = Suite(KEM.MLKEM768_X25519, KDF.HKDF_SHA256, AEAD.AES_256_GCM)
_MLKEM_SEED_BYTES = 64
_MLKEM_PUBLIC_BYTES = 1184
SEED_BYTES = 96
PUBLIC_KEY_BYTES = 1216
_LENGTH_BYTES = 4


class SealingError(Exception):
    """A ciphertext does not open: altered, for someone else, or moved. Deliberately says nothing more."""


class SealingPrivateKey:
    """The key pair of one epoch, derived from 96 secret bytes: the ML-KEM seed (64) and the X25519 key (32)."""

    __slots__ = ("_private", "public_key")

    def __init__(self, seed: bytes) -> None:
        if len(seed) != SEED_BYTES:
            raise ValueError(f"a sealing seed has {SEED_BYTES} bytes")
        mlkem = MLKEM768PrivateKey.from_seed_bytes(seed[:_MLKEM_SEED_BYTES])
        x25519 = X25519PrivateKey.from_private_bytes(seed[_MLKEM_SEED_BYTES:])
        self._private = MLKEM768X25519PrivateKey(mlkem, x25519)
        self.public_key = mlkem.public_key().public_bytes_raw() + x25519.public_key().public_bytes_raw()

    def decrypt(self, ciphertext: bytes, info: bytes) -> bytes:
        """Opens a ciphertext that was sealed to this key with the same info.

        Raises:
            SealingError: it does not open.
        """
        try:
            return _SUITE.decrypt(ciphertext, self._private, info=info)
        except (InvalidTag, ValueError):
            raise SealingError("does not open") from None


@lru_cache(maxsize=512)
def _public_key(raw: bytes) -> MLKEM768X25519PublicKey:
    # Parsing costs about as much as sealing and one key serves every login of an epoch.
    if len(raw) != PUBLIC_KEY_BYTES:
        raise SealingError("not a sealing public key")
    try:
        return MLKEM768X25519PublicKey(
            MLKEM768PublicKey.from_public_bytes(raw[:_MLKEM_PUBLIC_BYTES]),
            X25519PublicKey.from_public_bytes(raw[_MLKEM_PUBLIC_BYTES:]),
        )
    except ValueError:
        raise SealingError("not a sealing public key") from None


class Sealer:
    """Seals and opens; replaced by a null sealer in the test that shows that the reading test can see."""

    def seal(self, plaintext: bytes, public_key: bytes, info: bytes) -> bytes:
        """Seals to a raw public key (1216 bytes); returns the encapsulated key followed by the ciphertext.

        Raises:
            SealingError: the public key is not one.
        """
        return _SUITE.encrypt(plaintext, _public_key(public_key), info=info)

    def open_(self, ciphertext: bytes, private_key: SealingPrivateKey, info: bytes) -> bytes:
        """Opens what was sealed to the key.

        Raises:
            SealingError: it does not open.
        """
        return private_key.decrypt(ciphertext, info)


def derive_key_pair(seed: bytes) -> SealingPrivateKey:
    """Returns the key pair of 96 secret bytes; 0.2 ms, so keep it for the epoch."""
    return SealingPrivateKey(seed)


def info(version: int, type: str, sender: str, receiver: str, epoch: int, login_id: bytes) -> bytes:  # noqa: A002
    """Returns the HPKE info that ties a ciphertext to its place: a payload opens only where and for whom it was made."""
    return length_prefixed(
        struct.pack(">I", version),
        type.encode(),
        sender.encode(),
        receiver.encode(),
        struct.pack(">I", epoch),
        login_id,
    )


def pad(payload: bytes, size: int) -> bytes:
    """Returns the payload behind its length, filled with zeros to `size`, or to the next doubling that holds it."""
    needed = len(payload) + _LENGTH_BYTES
    while size < needed:
        size *= 2
    return struct.pack(">I", len(payload)) + payload + bytes(size - needed)


def unpad(padded: bytes) -> bytes:
    """Returns the payload.

    Raises:
        SealingError: the length is out of bounds or the filling is not zero.
    """
    if len(padded) < _LENGTH_BYTES:
        raise SealingError("too short")
    (length,) = struct.unpack_from(">I", padded)
    end = _LENGTH_BYTES + length
    if end > len(padded) or padded[end:].strip(b"\0"):
        raise SealingError("wrong padding")
    return padded[_LENGTH_BYTES:end]
