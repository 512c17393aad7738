"""Sector labels and commitments (OpenID Connect Core §8.1): who derives the `sub` never learns the sector's name."""

import hashlib
import hmac

from kit.encoding import length_prefixed


def sector_label(sector_key: bytes, sector_identifier: str) -> bytes:
    """Returns the 32-byte label of a sector under the gateway's key."""
    return hmac.digest(sector_key, b"shirushi sector v1" + sector_identifier.encode(), "sha256")


def sector_commitment(label: bytes, blind: bytes) -> bytes:
    """Returns what phone and verifier see of the sector: nothing, and yet the gateway cannot take another afterwards."""
    return hashlib.sha256(length_prefixed(b"shirushi sector commitment v1", label, blind)).digest()
