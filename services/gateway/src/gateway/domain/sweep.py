"""What nobody else finishes: logins whose time is up, and conclusions that were stored but not yet published."""

from dataclasses import dataclass

import msgspec
from kit.clock import Clock
from kit.errors import Unavailable
from kit.hour import Hour
from shirushi.gateway.v1 import events_pb2 as pb

from gateway.domain.login import State
from gateway.domain.ports import Challenges, Changed, Logins, Stored
from gateway.domain.verdicts import Verdicts

BATCH = 50


@dataclass(frozen=True, slots=True)
class Sweeper:
    """Sweeps over its ports; replicas share the work by leases."""

    logins: Logins
    challenges: Challenges
    verdicts: Verdicts
    clock: Clock
    hour: Hour

    async def sweep(self) -> int:
        """Handles what is due now and returns how much that was; what fails stays due."""
        due = await self.logins.take_due(BATCH)
        for stored in due:
            try:
                await self._handle(stored)
            except (Changed, Unavailable):
                # Changed: somebody was faster. Unavailable: the lease ends and it is due again.
                continue
        return len(due)

    async def _handle(self, stored: Stored) -> None:
        match stored.state:
            case State.WAITING:
                await self._waiting(stored)
            case State.VERIFIED:
                await self._expire(stored, pb.STAGE_COLLECT)
            case State.COLLECTED:
                await self._expire(stored, pb.STAGE_REDEEM)
            case State.REFUSED | State.REDEEMED | State.EXPIRED:
                await self.verdicts.announce(stored)

    async def _waiting(self, stored: Stored) -> None:
        verdict_due = self.hour.epoch_start(stored.epoch) + self.hour.minutes(51)
        if self.clock.now() >= verdict_due:
            await self._expire(stored, pb.STAGE_VERIFY)
            return
        claimed = await self.challenges.withdraw(stored.login_id, stored.epoch)
        if claimed is None:
            # Answered in time: the verdict is on its way, and if it is lost this comes again.
            await self.logins.change(stored, State.WAITING, stored.login, due_at=verdict_due)
            return
        await self._expire(stored, pb.STAGE_ANSWER if claimed else pb.STAGE_CLAIM)

    async def _expire(self, stored: Stored, stage: int) -> None:
        expired = msgspec.structs.replace(stored.login, stage=stage, concluded_at=self.clock.now())
        retry_at = self.clock.now() + self.hour.minutes(0.25)
        changed = await self.logins.change(stored, State.EXPIRED, expired, due_at=retry_at)
        await self.verdicts.announce(changed)
