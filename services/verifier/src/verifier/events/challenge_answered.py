"""Handles `ChallengeAnswered`: publishes the verdict, or parks the check and says that it takes longer."""

import time

from kit.bus import Publisher
from kit.clock import Clock
from kit.events import OpenedEvent
from kit.log import get_logger
from kit.telemetry import Telemetry
from shirushi.bus.v1 import envelope_pb2 as bus_pb
from shirushi.challenge.v1 import events_pb2 as challenge_pb
from shirushi.verifier.v1 import events_pb2 as pb

from verifier.domain.refusal import Reason
from verifier.events.examination import Examination
from verifier.metrics import Metrics
from verifier.store import ParkedChecks

_log = get_logger()
_REASONS = {pb.Reason.Value(f"REASON_{reason.name}"): reason for reason in Reason}


class Verdicts:
    """Publishes verdicts, and counts them once they are out."""

    def __init__(self, publisher: Publisher, metrics: Metrics) -> None:
        self._publisher = publisher
        self._metrics = metrics

    async def publish(self, login_id: bytes, epoch: int, verdict: pb.VerificationCompleted) -> None:
        """Returns when Kafka has the verdict; raises Unavailable, KeyGone."""
        await self._publisher.publish(bus_pb.EVENT_TYPE_VERIFICATION_COMPLETED, login_id, epoch, verdict)
        outcome = verdict.WhichOneof("outcome")
        # The reason is for the phone that answered: a log line with a login id does not tell it.
        _log.info("verification_completed", login_id=login_id.hex(), outcome=outcome)
        if outcome == "refused":
            self._metrics.refused(_REASONS[verdict.refused.reason])
        else:
            self._metrics.verified()


class ChallengeAnsweredHandler:
    """Any number of times the same event ends in the same state: the gateway keeps the first verdict."""

    def __init__(
        self,
        *,
        examination: Examination,
        verdicts: Verdicts,
        parked: ParkedChecks,
        publisher: Publisher,
        clock: Clock,
        metrics: Metrics,
        telemetry: Telemetry,
    ) -> None:
        self._examination = examination
        self._verdicts = verdicts
        self._parked = parked
        self._publisher = publisher
        self._clock = clock
        self._metrics = metrics
        self._telemetry = telemetry

    async def __call__(self, event: OpenedEvent[challenge_pb.ChallengeAnswered]) -> None:
        """Returns when the verdict is published, or the check is parked and that is published."""
        began = time.perf_counter()
        with self._telemetry.span("verify", login_id=event.login_id):
            verdict = await self._examination.verdict_on(event.login_id, event.epoch, event.message)
            if verdict is None:
                await self._park(event)
                return
            await self._verdicts.publish(event.login_id, event.epoch, verdict)
        self._metrics.took(time.perf_counter() - began)

    async def _park(self, event: OpenedEvent[challenge_pb.ChallengeAnswered]) -> None:
        # The offset is committed after this returns: by then the document carries the login on.
        await self._parked.park(event.login_id, event.epoch, event.message)
        delayed = pb.VerificationDelayed(delayed_at_ms=int(self._clock.now() * 1000), attempts=1)
        await self._publisher.publish(bus_pb.EVENT_TYPE_VERIFICATION_DELAYED, event.login_id, event.epoch, delayed)
        _log.info("verification_delayed", login_id=event.login_id.hex())
        self._metrics.delayed()
