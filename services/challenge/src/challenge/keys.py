"""The epoch's keys as the domain asks for them, from kit's custody."""

from dataclasses import dataclass
from typing import Protocol

from kit.custody import KeyGone
from shirushi.audit_purge.v1 import custody_pb2 as pb

from challenge.domain.dispatch import SealingStatement
from challenge.domain.refusals import Refusal, Refused

_VERIFIER = "verifier"


class Custody(Protocol):
    """What is used of kit's custody."""

    def token_key(self, epoch: int) -> bytes:
        """Return the key of an epoch's tokens."""
        ...

    async def sealing_statement(self, service: str, epoch: int) -> pb.SealingKey:
        """Return a service's signed sealing key."""
        ...


@dataclass(frozen=True, slots=True)
class CustodyKeys:
    """The `EpochKeys` port over custody."""

    custody: Custody

    def token_key(self, epoch: int) -> bytes:
        """Return the key from which the epoch's token secrets are derived."""
        try:
            return self.custody.token_key(epoch)
        except KeyGone:
            raise Refused(Refusal.CHALLENGE_EXPIRED) from None

    async def verifier_key(self, epoch: int) -> SealingStatement:
        """Return the key that evidence of this epoch is sealed to, with the verifier's signature."""
        try:
            key = await self.custody.sealing_statement(_VERIFIER, epoch)
        except KeyGone:
            raise Refused(Refusal.CHALLENGE_EXPIRED) from None
        return SealingStatement(key.service, key.epoch, key.chain_id, key.public_key, key.signature)
