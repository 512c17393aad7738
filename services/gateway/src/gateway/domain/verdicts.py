"""What a verdict or a cancellation does to a login: the first one counts, and only if it is about this very request."""

import contextlib
from collections.abc import Callable
from dataclasses import dataclass

import msgspec
from kit.clock import Clock
from kit.errors import ShirushiError, Unavailable
from kit.hour import Hour
from shirushi.evidence.v1 import evidence_pb2 as evidence
from shirushi.verifier.v1 import events_pb2 as verifier

from gateway.domain.display_sheet import ATTRIBUTE_NAMES
from gateway.domain.login import Login, State, Verified, transport_of
from gateway.domain.ports import Challenges, Changed, Facts, Gone, Logins, Stored

_ASSURANCE = {verifier.ASSURANCE_CARD: "card", verifier.ASSURANCE_PHONE: "phone"}
_METHODS = {verifier.REVOCATION_METHOD_OCSP: "ocsp", verifier.REVOCATION_METHOD_CRL: "crl"}
_SOURCES = {
    evidence.ATTRIBUTES_SOURCE_CARD_APP: "card_app",
    evidence.ATTRIBUTES_SOURCE_SIGNATURE_CERTIFICATE: "signature_certificate",
}
COLLECT_BY_MINUTES = 52
# The sweeper looks this much later whether what was stored was also published.
RETRY_MINUTES = 0.25
# A notice that challenge could not take in so long is given up: the phone then learns no reason.
_NOTICE_MINUTES = 2
_ATTEMPTS = 6
# Nobody waits for the confirmation that a conclusion was published: several go in one write.
_PATIENCE_SECONDS = 0.05

Outcome = Verified | int


@dataclass(frozen=True, slots=True)
class Verdicts:
    """Takes verdicts over its ports; every call may come any number of times."""

    logins: Logins
    challenges: Challenges
    facts: Facts
    clock: Clock
    hour: Hour

    async def completed(self, login_id: bytes, verdict: verifier.VerificationCompleted) -> None:
        """Takes the verifier's verdict; raises Unavailable, to be tried again."""
        notice = verdict.refused.notice if verdict.WhichOneof("outcome") == "refused" else b""
        await self._conclude(login_id, lambda login: outcome_of(login, verdict), notice)

    async def refuse(self, login_id: bytes, reason: int) -> None:
        """Refuses a login that has no outcome yet; raises Unavailable, to be tried again."""
        await self._conclude(login_id, lambda _: reason, b"")

    async def give_up(self, login_id: bytes) -> Stored:
        """Refuses a login for the browser that started it, also when its verdict is here but not collected.

        Raises:
            Gone: there is no such login.
            Unavailable: nothing has changed.
        """
        for attempt in range(_ATTEMPTS):
            stored = await self.logins.find(login_id, fresh=attempt > 0)
            if stored.state not in (State.WAITING, State.VERIFIED):
                return stored
            try:
                refused = await self._change(stored, verifier.REASON_CANCELLED_BY_BROWSER, b"")
            except Changed:
                continue
            with contextlib.suppress(Unavailable):
                # Stored it is; what cannot be published now the sweeper publishes.
                await self.announce(refused)
            return refused
        raise Unavailable(reason="contention")

    async def announce(self, stored: Stored) -> None:
        """Publishes a conclusion that is stored, and then confirms that it was published.

        A confirmation that loses a race is made up for: whoever changed the login left it due for the sweeper.
        """
        login = stored.login
        if stored.state is not State.REDEEMED:
            # Nobody waits for a login that has been redeemed.
            await self.facts.progressed(stored)
        await self.facts.concluded(stored)
        if stored.state is State.REFUSED:
            # Also without a notice: the phone then shows that it was refused, though not why.
            await self._post_notice(stored)
        announced = msgspec.structs.replace(login, announced=True, notice=b"")
        try:
            await self.logins.change(stored, stored.state, announced, due_at=None, patience=_PATIENCE_SECONDS)
        except (Changed, Gone):
            return

    async def _conclude(self, login_id: bytes, decide: Callable[[Login], Outcome], notice: bytes) -> None:
        for attempt in range(_ATTEMPTS):
            try:
                stored = await self.logins.find(login_id, fresh=attempt > 0)
                if stored.state is State.WAITING:
                    stored = await self._change(stored, decide(stored.login), notice)
            except Changed:
                # Somebody else was faster with something: look again what, and whether a verdict still counts.
                continue
            except Gone:
                return
            await self._tell(stored)
            return
        raise Unavailable(reason="contention")

    async def _change(self, stored: Stored, outcome: Outcome, notice: bytes) -> Stored:
        if isinstance(outcome, Verified):
            verified = msgspec.structs.replace(stored.login, verified=outcome)
            collect_by = self.hour.epoch_start(stored.epoch) + self.hour.minutes(COLLECT_BY_MINUTES)
            return await self.logins.change(stored, State.VERIFIED, verified, due_at=collect_by)
        now = self.clock.now()
        refused = msgspec.structs.replace(stored.login, reason=outcome, notice=notice, concluded_at=now, verified=None)
        return await self.logins.change(stored, State.REFUSED, refused, due_at=now + self.hour.minutes(RETRY_MINUTES))

    async def _tell(self, stored: Stored) -> None:
        """Publishes what the stored outcome calls for; after a crash the same event comes again and ends here."""
        if stored.state is State.VERIFIED:
            await self.facts.progressed(stored)
        elif stored.state is State.REFUSED and not stored.login.announced:
            await self.announce(stored)

    async def _post_notice(self, stored: Stored) -> None:
        try:
            await self.challenges.post_notice(stored.login_id, stored.epoch, stored.login.notice)
        except Unavailable:
            if self.clock.now() < stored.login.concluded_at + self.hour.minutes(_NOTICE_MINUTES):
                raise
        except ShirushiError:
            # Refused for good: the phone learns no reason, and the login's outcome does not hang on it.
            return


def outcome_of(login: Login, verdict: verifier.VerificationCompleted) -> Outcome:
    """Returns what a verdict means for a login: what was verified, or the reason of a refusal."""
    match verdict.WhichOneof("outcome"):
        case "verified":
            return _verified(login, verdict.verified)
        case "refused":
            # A refusal without a reason that this version knows is still a refusal.
            return verdict.refused.reason or verifier.REASON_EVIDENCE_UNREADABLE
    return verifier.REASON_EVIDENCE_UNREADABLE


def _verified(login: Login, verified: verifier.Verified) -> Outcome:
    # Compared before anything else: a verdict about another request says nothing about this one.
    transport = transport_of(login, verified.binding)
    if transport is None:
        return verifier.REASON_BINDING_MISMATCH
    agreed = {ATTRIBUTE_NAMES.get(attribute) for attribute in verified.agreed}
    if any(essential and name not in agreed for name, essential in login.shown.asked):
        return verifier.REASON_ATTRIBUTE_DECLINED
    if not agreed <= set(login.asked):
        return verifier.REASON_ATTRIBUTES_MISMATCH
    attributes = {
        name: str(getattr(verified.attributes, name))
        for name in login.asked
        if name in agreed and verified.attributes.HasField(name)  # type: ignore[arg-type]
    }
    source = _SOURCES.get(verified.attributes.source, "")
    if attributes and not source:
        # The relying party must be told where attributes come from; of an unknown source they are none.
        return verifier.REASON_ATTRIBUTES_FORBIDDEN_SOURCE
    if verified.assurance not in _ASSURANCE:
        return verifier.REASON_CERTIFICATE_WRONG_KIND
    return Verified(
        transport=transport,
        attributes=attributes,
        attributes_source=source if attributes else "",
        assurance=_ASSURANCE[verified.assurance],
        revocation_method=_METHODS.get(verified.revocation.method, ""),
        revocation_checked_at=verified.revocation.checked_at_ms / 1000,
        sealed_subject=verified.sealed_subject,
        verified_at=verified.verified_at_ms / 1000,
    )
