"""The life of one challenge: issued → claimed → answering → answered, or cancelled; a verdict may refuse it.

Every function takes a challenge and returns the next one, or the very same object where nothing changes, so that the
caller knows whether there is anything to store. Being expired is no state: it is what time makes of an open challenge.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum

from challenge.domain.claim_key import ClaimKey
from challenge.domain.network_hint import NetworkHint
from challenge.domain.refusals import Refusal, Refused
from challenge.domain.token import Transport, challenge_id_of


class State(StrEnum):
    """Where a challenge stands; stored in clear."""

    ISSUED = "issued"
    CLAIMED = "claimed"
    ANSWERING = "answering"
    ANSWERED = "answered"
    REFUSED = "refused"
    CANCELLED = "cancelled"


EXPIRED = "expired"
_OPEN = frozenset({State.ISSUED, State.CLAIMED})
_TAKEN = frozenset({State.ANSWERING, State.ANSWERED, State.REFUSED})


class CancelReason(StrEnum):
    """Why the holder's app gave up, as it says itself."""

    DECLINED = "declined"
    NOT_MINE = "not_mine"
    PIN_LOCKED = "pin_locked"
    CARD_UNREADABLE = "card_unreadable"


@dataclass(frozen=True, slots=True)
class Claim:
    """The phone that came first: its key, the one nonce that it was given, and the sheet that it may open."""

    transport: Transport
    key_point: bytes
    key_thumbprint: bytes
    nonce: bytes
    hint: NetworkHint
    claimed_at: float

    @property
    def key(self) -> ClaimKey:
        """The claim key, found to be on its curve when it was claimed with."""
        return ClaimKey(self.key_point)


@dataclass(frozen=True, slots=True)
class Answer:
    """Which sealed evidence was taken, by its SHA-256, and when; the evidence itself is never stored."""

    digest: bytes
    answered_at: float


@dataclass(frozen=True, slots=True)
class Challenge:
    """One challenge. `sheets` and `network_digest` are dropped as soon as nobody needs them any more."""

    handle: bytes
    login_id: bytes
    epoch: int
    expires_at: int
    verdict_due_at: int
    state: State
    sheets: Mapping[Transport, bytes]
    network_digest: bytes
    claim: Claim | None = None
    answer: Answer | None = None
    # None in a cancelled challenge: the browser gave up, not the holder.
    cancel_reason: CancelReason | None = None
    notice: bytes = b""

    @property
    def challenge_id(self) -> str:
        """The name that the phone knows the challenge by."""
        return challenge_id_of(self.handle)

    def is_expired(self, now: float) -> bool:
        """Tell whether time has ended this challenge: unanswered, and past its expiry."""
        return self.state in _OPEN and now >= self.expires_at


def claim_of(challenge: Challenge) -> Claim:
    """Return the claim, or raise Refused(not_claimed)."""
    if challenge.claim is None:
        raise Refused(Refusal.NOT_CLAIMED)
    return challenge.claim


def sheet_of(challenge: Challenge, transport: Transport) -> bytes:
    """Return the display sheet for a transport, or raise Refused(token_unknown): the client's policy forbids it."""
    try:
        return challenge.sheets[transport]
    except KeyError:
        raise Refused(Refusal.TOKEN_UNKNOWN) from None


def claimed_before(challenge: Challenge, transport: Transport, key: ClaimKey) -> bool:
    """Tell whether this very phone has claimed already, so that it may ask again, also after its QR code's time."""
    claim = challenge.claim
    return claim is not None and claim.key_point == key.point and claim.transport is transport


def check_claimable(challenge: Challenge, now: float) -> None:
    """Check that a first claim may be made; raises Refused with the state's own reason."""
    if challenge.state in _TAKEN:
        raise Refused(Refusal.ALREADY_ANSWERED, "the challenge was answered already")
    if challenge.state is State.CANCELLED:
        raise Refused(Refusal.ALREADY_CANCELLED)
    if challenge.is_expired(now):
        raise Refused(Refusal.CHALLENGE_EXPIRED)


def claimed(challenge: Challenge, claim: Claim, now: float) -> Challenge:
    """Return the challenge with this claim, unless the same phone holds it already. First claim wins.

    The nonce of a second claim is thrown away: it was given to nobody.
    """
    check_claimable(challenge, now)
    if claimed_before(challenge, claim.transport, claim.key):
        return challenge
    if challenge.state is not State.ISSUED:
        raise Refused(Refusal.ALREADY_CLAIMED)
    sheet = sheet_of(challenge, claim.transport)
    return replace(challenge, state=State.CLAIMED, claim=claim, sheets={claim.transport: sheet}, network_digest=b"")


def answering(challenge: Challenge, answer: Answer, now: float) -> Challenge:
    """Return the challenge that has taken this evidence; the same evidence again changes nothing, at any time."""
    if challenge.state in _TAKEN:
        if challenge.answer is not None and challenge.answer.digest == answer.digest:
            return challenge
        raise Refused(Refusal.ALREADY_ANSWERED)
    if challenge.state is State.CANCELLED:
        raise Refused(Refusal.ALREADY_CANCELLED)
    if challenge.is_expired(now):
        raise Refused(Refusal.CHALLENGE_EXPIRED)
    claim_of(challenge)
    return replace(challenge, state=State.ANSWERING, answer=answer, sheets={})


def answered(challenge: Challenge) -> Challenge:
    """Return the challenge as answered, after its evidence was published; a verdict may have come before."""
    if challenge.state is State.ANSWERING:
        return replace(challenge, state=State.ANSWERED)
    return challenge


def cancelled(challenge: Challenge, reason: CancelReason, now: float) -> Challenge:
    """Return the challenge that its holder gave up. The first canceller stands."""
    if challenge.is_expired(now):
        raise Refused(Refusal.CHALLENGE_EXPIRED)
    return _ended(challenge, reason)


def withdrawn(challenge: Challenge) -> Challenge:
    """Return the challenge that the gateway takes back: its browser gave up, or its time is up.

    After its time too, and stored: no replica whose clock is behind may take an answer that the gateway counts out.
    """
    return _ended(challenge, None)


def _ended(challenge: Challenge, reason: CancelReason | None) -> Challenge:
    if challenge.state is State.CANCELLED:
        return challenge
    if challenge.state in _TAKEN:
        raise Refused(Refusal.ALREADY_ANSWERED, "the challenge was answered already")
    return replace(challenge, state=State.CANCELLED, cancel_reason=reason, sheets={}, network_digest=b"")


def refused(challenge: Challenge, notice: bytes) -> Challenge:
    """Return the challenge with the notice that only the answering phone can open. The first notice stands.

    From `answering` too: the verdict may overtake the confirmation of a process that died after publishing.
    """
    if challenge.state is State.REFUSED:
        return challenge
    if challenge.state not in _TAKEN:
        raise Refused(Refusal.NOT_ANSWERED)
    return replace(challenge, state=State.REFUSED, notice=notice)


def status(challenge: Challenge, now: float) -> str:
    """Return what the phone is told: the state, or `expired` where time ended it, withdrawn meanwhile or not."""
    in_vain = challenge.is_expired(now) or (
        challenge.state is State.CANCELLED and challenge.cancel_reason is None and now >= challenge.expires_at
    )
    return EXPIRED if in_vain else challenge.state.value
