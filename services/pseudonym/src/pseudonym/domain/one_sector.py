"""Decides that a login gets a subject in one sector only: the first that is asked for.

The verifier's commitment already fixes the sector. This holds also when a commitment is opened twice by whoever made
it: nobody can walk one login through the sectors and match the subjects.
"""

import hashlib
import hmac
from typing import Protocol

from kit.encoding import length_prefixed
from kit.errors import Code, ShirushiError


class FirstSectors(Protocol):
    """Where the first sector of a login is kept until its epoch's keys die."""

    async def first(self, login_id: bytes, epoch: int, sector: bytes) -> bytes:
        """Keeps `sector` if the login has none yet; returns the one that is kept.

        Raises:
            ShirushiError: UNAVAILABLE, or FAILED_PRECONDITION when the epoch's keys are gone.
        """
        ...


def sector_digest(sector_label: bytes, key_version: int) -> bytes:
    """Digests a sector with its key version, so that the store never holds the label itself: 32 bytes."""
    return hashlib.sha256(
        length_prefixed(b"shirushi one sector v1", sector_label, key_version.to_bytes(4, "big"))
    ).digest()


async def hold_to_one_sector(
    sectors: FirstSectors, login_id: bytes, epoch: int, sector_label: bytes, key_version: int
) -> None:
    """Refuses a second sector, or a second key version, for the same login; the same again passes.

    Raises:
        ShirushiError: FAILED_PRECONDITION, `second_sector`; whatever the store raises.
    """
    asked = sector_digest(sector_label, key_version)
    if not hmac.compare_digest(await sectors.first(login_id, epoch, asked), asked):
        raise ShirushiError(
            Code.FAILED_PRECONDITION, "this login was already answered for another sector", reason="second_sector"
        )
