"""What can be done with a challenge, and in which order each deed stores and publishes (docs/architecture.md)."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from kit.clock import Clock
from kit.errors import Unavailable
from kit.hour import Hour

from challenge.domain import challenge as life
from challenge.domain import proof as proofs
from challenge.domain.challenge import Answer, CancelReason, Challenge, Claim, State
from challenge.domain.claim_key import ClaimKey
from challenge.domain.issue_request import IssueRequest, check_issue_request, check_login_id, check_notice, issued
from challenge.domain.issuing import handle_of_login, token_secrets
from challenge.domain.network_hint import compare_networks
from challenge.domain.refusals import Refusal, Refused
from challenge.domain.retention import keep_until
from challenge.domain.token import (
    PresentedToken,
    QrClock,
    TokenSecrets,
    check_fresh,
    check_genuine,
    handle_of,
    parse_token,
)

NONCE_BYTES = 32
_ATTEMPTS = 8


class ChangedMeanwhileError(Exception):
    """Somebody else changed the challenge since it was read: read it again and decide again."""


@dataclass(frozen=True, slots=True)
class Stored:
    """A challenge as it was read, with what the store needs for compare-and-set."""

    challenge: Challenge
    version: object


@dataclass(frozen=True, slots=True)
class SealingStatement:
    """The verifier's sealing key of one epoch, signed by the verifier; the phone checks it, challenge does not."""

    service: str
    epoch: int
    chain_id: bytes
    public_key: bytes
    signature: bytes


class Challenges(Protocol):
    """Where challenges are kept."""

    async def add(self, challenge: Challenge, until: float) -> bool:
        """Store a new challenge; answer False where its handle is taken."""
        ...

    async def find(self, handle: bytes) -> Stored | None:
        """Return the challenge; raises Refused(challenge_expired) where its key is gone."""
        ...

    def recall(self, handle: bytes) -> Stored | None:
        """Return what was written here lately, if anything; it may be out of date, which a replace will show."""
        ...

    async def replace(self, stored: Stored, challenge: Challenge, until: float) -> Stored:
        """Store the next state, or raise ChangedMeanwhileError."""
        ...


class Facts(Protocol):
    """Where facts are published; each returns when the bus has the fact, or raises Unavailable."""

    async def answered(self, challenge: Challenge, sealed_evidence: bytes) -> None:
        """Publish ChallengeAnswered."""
        ...

    async def cancelled(self, challenge: Challenge) -> None:
        """Publish ChallengeCancelled."""
        ...

    def claimed_soon(self, challenge: Challenge) -> None:
        """Publish ChallengeClaimed in the background: progress only, nobody waits for it."""
        ...


class EpochKeys(Protocol):
    """The keys that die with an epoch; both raise Refused(challenge_expired) after that."""

    def token_key(self, epoch: int) -> bytes:
        """Return the key from which the epoch's token secrets are derived."""
        ...

    async def verifier_key(self, epoch: int) -> SealingStatement:
        """Return the key that evidence of this epoch is sealed to."""
        ...


@dataclass(frozen=True, slots=True)
class IssuedChallenge:
    """What the gateway builds tokens from."""

    handle: bytes
    secrets: TokenSecrets


@dataclass(frozen=True, slots=True)
class ClaimedChallenge:
    """What the phone is given with its claim."""

    challenge: Challenge
    claim: Claim
    sheet: bytes
    sealing_key: SealingStatement


@dataclass(frozen=True, slots=True)
class Keys:
    """The long-lived secrets: one derives handles, the other (shared with the gateway) network digests."""

    handle_key: bytes
    network_key: bytes


@dataclass(frozen=True, slots=True)
class Dispatch:
    """Challenge dispatch over its ports. Keeps nothing between calls, so any replica serves any call."""

    challenges: Challenges
    facts: Facts
    epoch_keys: EpochKeys
    keys: Keys
    clock: Clock
    hour: Hour
    qr_clock: QrClock
    random: Callable[[int], bytes]

    async def issue(self, request: IssueRequest) -> IssuedChallenge:
        """Issue the challenge of a login. The same login id again answers the same and keeps what was stored first."""
        check_issue_request(request, self.hour, self.clock.now())
        handle = handle_of_login(request.login_id, self.keys.handle_key)
        secrets = token_secrets(handle, self.epoch_keys.token_key(request.epoch))
        new = issued(request, handle)
        if not await self.challenges.add(new, keep_until(new, self.hour)):
            before = await self._find(handle)
            if before.challenge.epoch != request.epoch:
                raise Refused(Refusal.ISSUED_OTHERWISE)
        return IssuedChallenge(handle, secrets)

    async def resolve(self, text: str) -> tuple[Challenge, PresentedToken]:
        """Return the challenge that a fresh token names."""
        token = parse_token(text)
        challenge = (await self._open(token)).challenge
        if challenge.is_expired(self.clock.now()):
            raise Refused(Refusal.CHALLENGE_EXPIRED)
        check_fresh(token, self.qr_clock, self.clock.now())
        return challenge, token

    async def claim(self, text: str, key: ClaimKey, proof: str, phone_address: str) -> ClaimedChallenge:
        """Claim with a key made for this login; the first key wins, and the same key again gets the same answer.

        Does not check that the key is fresh: a phone that reuses keys harms only its own unlinkability.
        """
        token = parse_token(text)
        now = self.clock.now()

        async def claimable(recalled: Stored | None = None) -> Stored:
            stored = await self._open(token, recalled)
            proofs.check_proof(proof, key, proofs.claim_message(text))
            if not life.claimed_before(stored.challenge, token.transport, key):
                life.check_claimable(stored.challenge, now)
                check_fresh(token, self.qr_clock, now)
            return stored

        recalled = self.challenges.recall(token.handle)
        try:
            opened = await claimable(recalled)
        except Refused:
            if recalled is None:
                raise
            # Another replica may have taken this very phone's claim since: a refusal is concluded only from what was read.
            opened = await claimable()
        challenge = opened.challenge
        # Asked before the claim is stored: a challenge must not be used up by a phone that could not go on.
        sealing_key = await self.epoch_keys.verifier_key(challenge.epoch)
        wanted = Claim(
            transport=token.transport,
            key_point=key.point,
            key_thumbprint=key.thumbprint,
            nonce=self.random(NONCE_BYTES),
            hint=compare_networks(challenge.network_digest, phone_address, self.keys.network_key),
            claimed_at=now,
        )
        after = (await self._change(token.handle, lambda found: life.claimed(found, wanted, now), opened)).challenge
        claim = life.claim_of(after)
        if claim is wanted:
            self.facts.claimed_soon(after)
        return ClaimedChallenge(after, claim, life.sheet_of(after, claim.transport), sealing_key)

    async def answer(self, challenge_id: str, sealed_evidence: bytes, proof: str) -> Challenge:
        """Take sealed evidence: store its digest, publish it, confirm; only then may the caller be told.

        Each of the three steps may be the last of a dying process. The evidence itself is not stored, so it is the
        phone that goes on, by posting the same again: nothing was promised to it before the third step. After it the same
        again is only confirmed again: each publication is a question to the revocation source, and those cost money.
        """
        handle = handle_of(challenge_id)
        message = proofs.answer_message(challenge_id, sealed_evidence)
        wanted = Answer(hashlib.sha256(sealed_evidence).digest(), self.clock.now())

        def take(found: Challenge) -> Challenge:
            proofs.check_proof(proof, life.claim_of(found).key, message)
            return life.answering(found, wanted, wanted.answered_at)

        stored = await self._change(handle, take)
        if stored.challenge.state is not State.ANSWERING:
            # Answered is stored after the bus had the evidence, and a verdict that is here was given on it.
            return stored.challenge
        await self.facts.answered(stored.challenge, sealed_evidence)
        return (await self._change(stored.challenge.handle, life.answered, stored)).challenge

    async def cancel(self, challenge_id: str, reason: CancelReason, proof: str) -> Challenge:
        """Let the holder give up. Asked again it publishes again, for the first time may not have come that far."""
        handle = handle_of(challenge_id)
        message = proofs.cancel_message(challenge_id, reason.value)

        def give_up(found: Challenge) -> Challenge:
            proofs.check_proof(proof, life.claim_of(found).key, message)
            return life.cancelled(found, reason, self.clock.now())

        stored = await self._change(handle, give_up)
        await self.facts.cancelled(stored.challenge)
        return stored.challenge

    async def status(self, challenge_id: str, proof: str) -> tuple[str, bytes]:
        """Return the state as the claiming phone is told it, and the notice of a refusal (empty without one)."""
        found = (await self._find(handle_of(challenge_id))).challenge
        claim = life.claim_of(found)
        proofs.check_proof(proof, claim.key, proofs.status_message(challenge_id, claim.nonce))
        return life.status(found, self.clock.now()), found.notice

    async def withdraw(self, login_id: bytes) -> bool:
        """Let the browser give up, or the gateway when time is up; return whether a phone had claimed.

        Raises Refused(already_answered) where the answer was faster: then a verdict comes.
        """
        check_login_id(login_id)
        handle = handle_of_login(login_id, self.keys.handle_key)
        withdrawn = (await self._change(handle, life.withdrawn)).challenge
        if self.clock.now() < withdrawn.expires_at:
            await self.facts.cancelled(withdrawn)
        return withdrawn.claim is not None

    async def post_notice(self, login_id: bytes, notice: bytes) -> Challenge:
        """Keep the verdict's notice until the phone asks for it."""
        check_login_id(login_id)
        check_notice(notice)
        handle = handle_of_login(login_id, self.keys.handle_key)
        return (await self._change(handle, lambda found: life.refused(found, notice))).challenge

    async def _open(self, token: PresentedToken, recalled: Stored | None = None) -> Stored:
        """Return the challenge of a genuine token; an unknown handle and a wrong secret are not told apart."""
        stored = recalled or await self.challenges.find(token.handle)
        if stored is None:
            raise Refused(Refusal.TOKEN_UNKNOWN)
        challenge = stored.challenge
        check_genuine(token, token_secrets(challenge.handle, self.epoch_keys.token_key(challenge.epoch)))
        # A transport that the client's policy forbids has no sheet; after the claim only the claimed one is left.
        if challenge.state is State.ISSUED:
            life.sheet_of(challenge, token.transport)
        return stored

    async def _find(self, handle: bytes) -> Stored:
        stored = await self.challenges.find(handle)
        if stored is None:
            raise Refused(Refusal.CHALLENGE_UNKNOWN)
        return stored

    async def _change(
        self, handle: bytes, decide: Callable[[Challenge], Challenge], stored: Stored | None = None
    ) -> Stored:
        """Decide and compare-and-set, again while others are faster; what `decide` leaves as it is is not stored.

        `stored`, or what is recalled in its place, may be out of date. It saves the read where the write then succeeds;
        a refusal, or that there is nothing to do, is concluded only from what was read.
        """
        stored = stored or self.challenges.recall(handle)
        if stored is not None:
            try:
                decided = decide(stored.challenge)
                if decided is not stored.challenge:
                    return await self.challenges.replace(stored, decided, keep_until(decided, self.hour))
            except (Refused, ChangedMeanwhileError):
                pass
        for _ in range(_ATTEMPTS):
            stored = await self._find(handle)
            decided = decide(stored.challenge)
            if decided is stored.challenge:
                return stored
            try:
                return await self.challenges.replace(stored, decided, keep_until(decided, self.hour))
            except ChangedMeanwhileError:
                continue
        raise Unavailable(reason="contention")
