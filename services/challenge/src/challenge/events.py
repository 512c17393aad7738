"""Publishes what happened to a challenge as facts on the bus."""

import asyncio

from google.protobuf.message import Message
from kit.bus import Publisher
from kit.custody import KeyGone
from kit.errors import Unavailable
from kit.log import get_logger
from kit.runtime import backoff
from shirushi.bus.v1 import envelope_pb2 as bus
from shirushi.challenge.v1 import events_pb2 as pb
from shirushi.evidence.v1 import evidence_pb2 as evidence

from challenge.domain.challenge import CancelReason, Challenge, claim_of
from challenge.domain.refusals import Refusal, Refused
from challenge.domain.token import Transport

_CLAIMED_ATTEMPTS = 5
# A page says that a phone has claimed: nobody notices so short a time, and a request carries several of them.
_CLAIMED_PATIENCE_SECONDS = 0.05
# Progress that comes late is worth little: past this many under way, new ones are let go.
_MAX_BACKGROUND = 256
_MILLISECONDS = 1000

TRANSPORTS = {
    Transport.APP_LINK: evidence.TRANSPORT_APP_LINK,
    Transport.QR: evidence.TRANSPORT_QR,
}
_REASONS = {
    None: pb.CANCEL_REASON_UNSPECIFIED,
    CancelReason.DECLINED: pb.CANCEL_REASON_DECLINED,
    CancelReason.NOT_MINE: pb.CANCEL_REASON_NOT_MINE,
    CancelReason.PIN_LOCKED: pb.CANCEL_REASON_PIN_LOCKED,
    CancelReason.CARD_UNREADABLE: pb.CANCEL_REASON_CARD_UNREADABLE,
}


class BusFacts:
    """The `Facts` port over the bus; also a runtime part, which lets background publishing end."""

    name = "facts"

    def __init__(self, bus_: Publisher) -> None:
        self._bus = bus_
        self._background: set[asyncio.Task[None]] = set()

    async def start(self) -> None:
        """Nothing to wait for."""

    async def stop(self) -> None:
        """Let what is being published end; the runtime's drain bound holds."""
        await asyncio.gather(*self._background, return_exceptions=True)

    async def answered(self, challenge: Challenge, sealed_evidence: bytes) -> None:
        """Publish ChallengeAnswered; the same challenge gives the same message however often it is published."""
        claim = claim_of(challenge)
        message = pb.ChallengeAnswered(
            challenge_id=challenge.challenge_id,
            nonce=claim.nonce,
            expires_at=challenge.expires_at,
            claim_key_thumbprint=claim.key_thumbprint,
            transport=TRANSPORTS[claim.transport],
            sealed_evidence=sealed_evidence,
            answered_at_ms=int(challenge.answer.answered_at * _MILLISECONDS) if challenge.answer else 0,
        )
        await self._publish(bus.EVENT_TYPE_CHALLENGE_ANSWERED, challenge, message)

    async def cancelled(self, challenge: Challenge) -> None:
        """Publish ChallengeCancelled: by the holder where there is a reason, else by the browser."""
        by = pb.CANCELLED_BY_BROWSER if challenge.cancel_reason is None else pb.CANCELLED_BY_HOLDER
        message = pb.ChallengeCancelled(by=by, reason=_REASONS[challenge.cancel_reason])
        await self._publish(bus.EVENT_TYPE_CHALLENGE_CANCELLED, challenge, message)

    def claimed_soon(self, challenge: Challenge) -> None:
        """Publish ChallengeClaimed in the background, with a few tries."""
        if len(self._background) >= _MAX_BACKGROUND:
            return
        task = asyncio.get_running_loop().create_task(self._claimed(challenge))
        # The loop holds tasks weakly.
        self._background.add(task)
        task.add_done_callback(self._background.discard)

    async def _claimed(self, challenge: Challenge) -> None:
        claim = claim_of(challenge)
        message = pb.ChallengeClaimed(
            transport=TRANSPORTS[claim.transport], claimed_at_ms=int(claim.claimed_at * _MILLISECONDS)
        )
        for attempt in range(_CLAIMED_ATTEMPTS):
            try:
                await self._publish(
                    bus.EVENT_TYPE_CHALLENGE_CLAIMED, challenge, message, patience=_CLAIMED_PATIENCE_SECONDS
                )
            except Unavailable:
                await asyncio.sleep(backoff(attempt))
            except Refused:
                return
            except Exception as error:  # noqa: BLE001 - nobody awaits this task, so nobody else would say it
                get_logger().error("claimed_not_published", login_id=challenge.login_id.hex(), exc_info=error)
                return
            else:
                return
        get_logger().warning("claimed_not_published", login_id=challenge.login_id.hex())

    async def _publish(self, type_: int, challenge: Challenge, message: Message, *, patience: float = 0.0) -> None:
        try:
            await self._bus.publish(type_, challenge.login_id, challenge.epoch, message, patience=patience)
        except KeyGone:
            raise Refused(Refusal.CHALLENGE_EXPIRED) from None
