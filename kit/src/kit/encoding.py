"""Byte encodings that two sides must agree on exactly: length prefixes and base64url without padding."""

import base64
import binascii
import re

_BASE64URL = re.compile(r"[A-Za-z0-9_-]*", re.ASCII)


def length_prefixed(*parts: bytes) -> bytes:
    """Join parts so that no two different lists give the same bytes: four bytes of length (big-endian) before each."""
    return b"".join([piece for part in parts for piece in (len(part).to_bytes(4, "big"), part)])


def b64u(value: bytes) -> str:
    """Encode as base64url without padding (RFC 4648 §5, RFC 7515 §2)."""
    return base64.urlsafe_b64encode(value).rstrip(b"=").decode("ascii")


def unb64u(text: str, *, max_bytes: int) -> bytes:
    """Decode base64url without padding; every value has exactly one accepted spelling.

    Raises:
        ValueError: on padding, other characters, stray bits in the last character, or more than `max_bytes`.
    """
    # The bound comes before any other work: 4 characters for 3 bytes.
    if len(text) > (max_bytes * 4 + 2) // 3:
        raise ValueError("too long")
    if not _BASE64URL.fullmatch(text) or len(text) % 4 == 1:
        raise ValueError("not base64url")
    try:
        value = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    except binascii.Error as error:  # pragma: no cover - the checks above leave nothing to fail
        raise ValueError("not base64url") from error
    if b64u(value) != text:
        # Unused bits of the last character must be zero, or one token would have several spellings.
        raise ValueError("not canonical base64url")
    return value
