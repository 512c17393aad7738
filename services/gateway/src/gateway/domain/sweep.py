"""What nobody else finishes: logins whose time is up, and conclusions that were stored but not yet published."""

from dataclasses import dataclass

import msgspec
from kit.clock import Clock
from kit.custody import KeyGone
from kit.errors import ShirushiError
from kit.hour import Hour
from kit.log import get_logger
from shirushi.gateway.v1 import events_pb2 as pb

from gateway.domain.login import State
from gateway.domain.ports import Challenges, Changed, Facts, Gone, Logins, Stored
from gateway.domain.verdicts import RETRY_MINUTES, Verdicts

BATCH = 50
# The verifier has until minute 50; what it publishes then gets a minute to arrive.
VERDICT_LATEST_MINUTES = 51
_log = get_logger()


@dataclass(frozen=True, slots=True)
class Sweeper:
    """Sweeps over its ports; replicas share the work by leases."""

    logins: Logins
    challenges: Challenges
    facts: Facts
    verdicts: Verdicts
    clock: Clock
    hour: Hour

    async def sweep(self) -> int:
        """Handles what is due now and returns how much that was; what fails stays due. Raises Unavailable."""
        due = await self.logins.take_due(BATCH)
        for stored in due:
            try:
                await self._handle(stored)
            except (Changed, Gone, KeyGone):
                # Somebody was faster, or nobody can read it any more; what they left is due when its time comes.
                continue
            except ShirushiError as error:
                # The lease ends and it is due again.
                _log.info("sweep_postponed", login_id=stored.login_id.hex(), reason=error.reason)
            except Exception as error:  # noqa: BLE001 - one login that cannot be handled must not hold up the others
                _log.error("sweep_failed", login_id=stored.login_id.hex(), error=type(error).__name__)
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
        verdict_latest = self.hour.epoch_start(stored.epoch) + self.hour.minutes(VERDICT_LATEST_MINUTES)
        if self.clock.now() >= verdict_latest:
            await self._expire(stored, pb.STAGE_VERIFY)
            return
        # Challenge alone knows whether a phone has answered in time; withdrawn, it takes no answer any more.
        claimed = await self.challenges.withdraw(stored.login_id, stored.epoch)
        if claimed is None:
            # Answered: the verdict is on its way, and if it is lost this comes again.
            await self.logins.change(stored, State.WAITING, stored.login, due_at=verdict_latest)
            return
        if not claimed:
            # The process may have died between storing and publishing the request; consumers keep the first.
            await self.facts.requested(stored, again=True)
        await self._expire(stored, pb.STAGE_ANSWER if claimed else pb.STAGE_CLAIM)

    async def _expire(self, stored: Stored, stage: int) -> None:
        now = self.clock.now()
        # What speaks of the person has no more use.
        expired = msgspec.structs.replace(stored.login, stage=stage, concluded_at=now, verified=None, collected=None)
        changed = await self.logins.change(
            stored, State.EXPIRED, expired, due_at=now + self.hour.minutes(RETRY_MINUTES)
        )
        await self.verdicts.announce(changed)
