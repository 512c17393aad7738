"""The loop that tries parked checks again until they have a verdict; any replica may try any of them."""

import asyncio
import random

from kit.custody import KeyGone
from kit.errors import Unavailable
from kit.events import EventRejected
from kit.hour import Hour
from kit.log import get_logger
from kit.management import Health

from verifier.events.challenge_answered import Verdicts
from verifier.events.examination import Examination
from verifier.metrics import Metrics
from verifier.store import ParkedCheck, ParkedChecks

NAME = "retries"
LIMIT = 32
# A second of a real hour; how late a check may be tried after it fell due.
POLL_MINUTES = 1 / 60
_log = get_logger()


class Retries:
    """Tries what is due, some at a time."""

    def __init__(
        self,
        *,
        parked: ParkedChecks,
        examination: Examination,
        verdicts: Verdicts,
        hour: Hour,
        health: Health,
        metrics: Metrics,
    ) -> None:
        self._parked = parked
        self._examination = examination
        self._verdicts = verdicts
        self._hour = hour
        self._health = health
        self._metrics = metrics

    async def loop(self) -> None:
        """Goes on for ever; raises Unavailable when the database is away, to be started again by the runtime."""
        while True:
            self._health.progress(NAME, bound=60.0)
            if await self.once() < LIMIT:
                # Jitter keeps replicas from looking at the same moment.
                await asyncio.sleep(self._hour.minutes(POLL_MINUTES) * random.uniform(0.5, 1.5))  # noqa: S311

    async def once(self) -> int:
        """Tries the checks that are due now; returns how many there were."""
        checks = await self._parked.claim(LIMIT)
        await asyncio.gather(*(self._try(check) for check in checks))
        return len(checks)

    async def _try(self, check: ParkedCheck) -> None:
        self._metrics.retried()
        try:
            verdict = await self._examination.verdict_on(check.login_id, check.epoch, check.answered)
            if verdict is None:
                await self._parked.postpone(check)
                return
            await self._verdicts.publish(check.login_id, check.epoch, verdict)
            await self._parked.finish(check)
        except (KeyGone, EventRejected):
            # Nobody will ever open it again.
            await self._parked.finish(check)
        except Unavailable as error:
            # The lease runs out and it is due again.
            _log.warning("parked_check_waiting", login_id=check.login_id.hex(), reason=error.reason)
        except Exception as error:  # noqa: BLE001 - one check that fails must not hold up the others
            _log.error("parked_check_failed", login_id=check.login_id.hex(), exc_info=error)
