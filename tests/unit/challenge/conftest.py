"""A dispatch over in-memory ports that can die at every arrow, and a phone that proves with real keys."""

import hashlib
from dataclasses import dataclass, replace

import pytest
from challenge.domain.dispatch import ChangedMeanwhileError, Dispatch, Keys, SealingStatement, Stored
from challenge.domain.issue_request import IssueRequest
from challenge.domain.token import QrClock, Transport
from kit.clock import FixedClock
from kit.errors import Unavailable
from kit.hour import Hour

from tests.support.challenge_tokens import link_token, qr_token
from tests.support.claiming_phone import ClaimingPhone

T0 = 1_795_000_020.0
HOUR = Hour()


class Died(Exception):
    """The process was killed here."""


class MemoryChallenges:
    """The `Challenges` port; `die_before` and `die_after` name the write (1, 2, …) at which the process is killed."""

    def __init__(self):
        self.kept = {}
        self.recent = {}
        self.reads = 0
        self.until = {}
        self.writes = 0
        self.die_before = self.die_after = 0
        self.before_replace = []

    async def add(self, challenge, until):
        if challenge.handle in self.kept:
            return False
        self.kept[challenge.handle] = Stored(challenge, 1)
        self.until[challenge.handle] = until
        return True

    async def find(self, handle):
        self.reads += 1
        return self.kept.get(handle)

    def recall(self, handle):
        return self.recent.pop(handle, None)

    async def replace(self, stored, challenge, until):
        self.writes += 1
        if self.writes == self.die_before:
            raise Died
        if self.before_replace:
            await self.before_replace.pop(0)()
        if self.kept[challenge.handle].version != stored.version:
            raise ChangedMeanwhileError
        after = Stored(challenge, stored.version + 1)
        self.kept[challenge.handle] = after
        self.until[challenge.handle] = until
        if self.writes == self.die_after:
            raise Died
        return after


class MemoryFacts:
    """The `Facts` port; keeps what was published."""

    def __init__(self):
        self.answers = []
        self.cancellations = []
        self.claims = []
        self.away = False
        self.die_before = self.die_after = False

    async def answered(self, challenge, sealed_evidence):
        self._arrow(self.answers, (challenge, sealed_evidence))

    async def cancelled(self, challenge):
        self._arrow(self.cancellations, challenge)

    def claimed_soon(self, challenge):
        self.claims.append(challenge)

    def _arrow(self, kept, fact):
        if self.away:
            raise Unavailable
        if self.die_before:
            raise Died
        kept.append(fact)
        if self.die_after:
            raise Died


class MemoryKeys:
    """The `EpochKeys` port."""

    def __init__(self):
        self.away = False

    def token_key(self, epoch):
        return hashlib.sha256(b"token key %d" % epoch).digest()

    async def verifier_key(self, epoch):
        if self.away:
            raise Unavailable
        return SealingStatement("verifier", epoch, b"c" * 16, b"k" * 1216, b"s" * 64)


@dataclass
class Phone(ClaimingPhone):
    """A phone that calls the domain."""

    def claim(self, dispatch, token, address="192.0.2.7"):
        return dispatch.claim(token, self.key, self.claim_proof(token), address)

    def answer(self, dispatch, challenge_id, sealed):
        return dispatch.answer(challenge_id, sealed, self.answer_proof(challenge_id, sealed))

    def cancel(self, dispatch, challenge_id, reason):
        return dispatch.cancel(challenge_id, reason, self.cancel_proof(challenge_id, reason.value))

    def status(self, dispatch, challenge_id, nonce):
        return dispatch.status(challenge_id, self.status_proof(challenge_id, nonce))


class World:
    """Everything of one test."""

    def __init__(self):
        self.clock = FixedClock(T0)
        self.challenges = MemoryChallenges()
        self.facts = MemoryFacts()
        self.keys = MemoryKeys()
        self.nonces = 0
        self.dispatch = Dispatch(
            challenges=self.challenges,
            facts=self.facts,
            epoch_keys=self.keys,
            keys=Keys(handle_key=b"h" * 32, network_key=b"n" * 32),
            clock=self.clock,
            hour=HOUR,
            qr_clock=QrClock(5.0),
            random=self.random,
        )
        self.request = IssueRequest(
            login_id=b"L" * 16,
            epoch=HOUR.epoch_of(T0),
            sheets={Transport.APP_LINK: b"link sheet", Transport.QR: b"qr sheet"},
            expires_at=int(T0) + 300,
            verdict_due_at=int(T0) + 3000,
            network_digest=b"",
        )

    def random(self, size):
        self.nonces += 1
        return self.nonces.to_bytes(size, "big")

    async def issue(self, **changes):
        self.issued = await self.dispatch.issue(replace(self.request, **changes))
        return self.issued

    def link(self):
        return link_token(self.issued.handle, self.issued.secrets.link_secret)

    def qr(self, steps=0):
        step = int(self.clock.now() // 5) + steps
        return qr_token(self.issued.handle, step, self.issued.secrets.qr_secret)

    def stored(self):
        return self.challenges.kept[self.issued.handle].challenge


@pytest.fixture
def world():
    return World()


@pytest.fixture
def phone():
    return Phone()


@pytest.fixture
def other_phone():
    return Phone()
