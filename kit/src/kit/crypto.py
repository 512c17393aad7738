"""Small helpers over `cryptography`: Ed25519 for what services sign, HKDF for what they derive."""

from pathlib import Path

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.hazmat.primitives.serialization import load_pem_private_key


class SignatureInvalid(Exception):
    """A signature is by none of the keys that may have made it."""


def load_signing_key(path: Path) -> Ed25519PrivateKey:
    """Read a service's signing key (PKCS #8 PEM, unencrypted).

    Raises:
        ValueError: if the file holds something else; the text names the path only.
    """
    try:
        key = load_pem_private_key(path.read_bytes(), password=None)
    except (ValueError, TypeError):
        raise ValueError(f"{path}: not an unencrypted PKCS #8 PEM key") from None
    if not isinstance(key, Ed25519PrivateKey):
        raise ValueError(f"{path}: not an Ed25519 key")  # noqa: TRY004 - the file is wrong, not a type
    return key


def public_bytes(key: Ed25519PrivateKey) -> bytes:
    """Return the 32 raw bytes of the public half."""
    return key.public_key().public_bytes_raw()


def sign(key: Ed25519PrivateKey, message: bytes) -> bytes:
    """Sign with Ed25519 (RFC 8032); 64 bytes."""
    return key.sign(message)


def verify(keys: "list[Ed25519PublicKey] | tuple[Ed25519PublicKey, ...]", signature: bytes, message: bytes) -> None:
    """Check that one of the keys made the signature; several are listed while a key is being replaced.

    Raises:
        SignatureInvalid: if none did.
    """
    for key in keys:
        try:
            key.verify(signature, message)
        except InvalidSignature:
            continue
        return
    raise SignatureInvalid


def hkdf(ikm: bytes, salt: bytes, info: bytes, length: int = 32) -> bytes:
    """Derive key material with HKDF-SHA256 (RFC 5869); every use has an `info` of its own."""
    return HKDF(algorithm=SHA256(), length=length, salt=salt, info=info).derive(ikm)
