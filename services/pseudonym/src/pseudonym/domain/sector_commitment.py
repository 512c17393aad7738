"""Decides whether a sector label is the one that was committed to before the card signed."""

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

    It is not checked that the sector belongs to the relying party that the phone showed: nobody but the gateway can
    tell. The commitment fixes the sector before the card signs, so one login cannot be asked about two.

    Raises:
        ShirushiError: FAILED_PRECONDITION, `sector_commitment_mismatch`.
    """
    if not hmac.compare_digest(sector_commitment(sector_label, blind), commitment):
        raise ShirushiError(
            Code.FAILED_PRECONDITION,
            "sector_label and commitment_blind do not open the sector commitment of this login",
            reason="sector_commitment_mismatch",
        )
