"""Decides whether a sector label is the one that the holder's phone was shown and the verifier passed on."""

import hashlib
import hmac

from kit.encoding import length_prefixed
from kit.errors import Code, ShirushiError

LABEL_BYTES = 32
BLIND_BYTES = 32
COMMITMENT_BYTES = 32

_LABEL = b"shirushi sector commitment v1"


def sector_commitment(sector_label: bytes, blind: bytes) -> bytes:
    """Commits to a sector label: SHA-256 over the length-prefixed label of the format, sector label and blind."""
    return hashlib.sha256(length_prefixed(_LABEL, sector_label, blind)).digest()


def check_sector_commitment(sector_label: bytes, blind: bytes, commitment: bytes) -> None:
    """Refuses a sector label and blind that do not open the commitment.

    It is not checked that the phone really showed this sector's relying party: the commitment is part of the binding
    that the card signed, and the gateway compares that.

    Raises:
        ShirushiError: FAILED_PRECONDITION, `sector_commitment_mismatch`.
    """
    if not hmac.compare_digest(sector_commitment(sector_label, blind), commitment):
        raise ShirushiError(
            Code.FAILED_PRECONDITION,
            "sector_label and commitment_blind do not open the sector commitment of this login",
            reason="sector_commitment_mismatch",
        )
