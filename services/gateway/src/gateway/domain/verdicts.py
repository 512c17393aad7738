"""What a verdict or a cancellation does to a login: the first one counts, and only if it is about this very request."""

from dataclasses import dataclass

import msgspec
from kit.clock import Clock
from kit.custody import KeyGone
from kit.errors import ShirushiError
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
_RETRY_MINUTES = 0.25


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
        match verdict.WhichOneof("outcome"):
            case "verified":
                await self._verified(login_id, verdict.verified)
            case "refused":
                await self.refuse(login_id, verdict.refused.reason, verdict.refused.notice)
            case _:
                # An outcome that this version does not know is no success.
                await self.refuse(login_id, verifier.REASON_EVIDENCE_UNREADABLE)

    async def refuse(self, login_id: bytes, reason: int, notice: bytes = b"") -> None:
        """Refuses a login that has no outcome yet, tells the auditors, the phone and the waiting browser."""
        stored = await self._find(login_id)
        if stored is None:
            return
        if stored.state is State.WAITING:
            refused = msgspec.structs.replace(
                stored.login, reason=reason, notice=notice, concluded_at=self.clock.now()
            )
            stored = await self._change(stored, State.REFUSED, refused, self._retry_at())
            if stored is None:
                return
        if stored.state is State.REFUSED and not stored.login.announced:
            await self.announce(stored)

    async def announce(self, stored: Stored) -> None:
        """Publishes a conclusion that is stored, and then confirms that it was published."""
        login = stored.login
        await self.facts.concluded(stored)
        if login.notice:
            try:
                await self.challenges.post_notice(stored.login_id, stored.epoch, login.notice)
            except ShirushiError:
                # The phone then learns no reason; the login's outcome does not hang on it.
                pass
        announced = msgspec.structs.replace(login, announced=True, notice=b"")
        await self._change(stored, stored.state, announced, None)
        if stored.state is not State.REDEEMED:
            # Nobody waits for a login that has been redeemed.
            await self.facts.progressed(stored)

    async def _verified(self, login_id: bytes, verified: verifier.Verified) -> None:
        stored = await self._find(login_id)
        if stored is None:
            return
        if stored.state is not State.WAITING:
            if stored.state is State.REFUSED and not stored.login.announced:
                await self.announce(stored)
            return
        login = stored.login
        # Compared before anything else: a verdict about another request says nothing about this one.
        transport = transport_of(login, verified.binding)
        if transport is None:
            await self.refuse(login_id, verifier.REASON_BINDING_MISMATCH)
            return
        reason = _unacceptable(login, verified)
        if reason:
            await self.refuse(login_id, reason)
            return
        found = Verified(
            transport=transport,
            attributes=_agreed_attributes(login, verified),
            attributes_source=_SOURCES.get(verified.attributes.source, ""),
            assurance=_ASSURANCE[verified.assurance],
            revocation_method=_METHODS.get(verified.revocation.method, ""),
            sealed_subject=verified.sealed_subject,
            verified_at=verified.verified_at_ms / 1000,
        )
        collect_by = self.hour.epoch_start(stored.epoch) + self.hour.minutes(52)
        changed = await self._change(
            stored, State.VERIFIED, msgspec.structs.replace(login, verified=found), collect_by
        )
        if changed is not None:
            await self.facts.progressed(changed)

    async def _find(self, login_id: bytes) -> Stored | None:
        try:
            return await self.logins.find(login_id)
        except (Gone, KeyGone):
            return None

    async def _change(self, stored: Stored, state: State, login: Login, due_at: float | None) -> Stored | None:
        try:
            return await self.logins.change(stored, state, login, due_at=due_at)
        except Changed:
            # Another verdict, a cancellation or the sweeper was first: theirs counts.
            return None

    def _retry_at(self) -> float:
        return self.clock.now() + self.hour.minutes(_RETRY_MINUTES)


def _unacceptable(login: Login, verified: verifier.Verified) -> int:
    agreed = {ATTRIBUTE_NAMES.get(attribute) for attribute in verified.agreed}
    if any(essential and name not in agreed for name, essential in login.shown.asked):
        return verifier.REASON_ATTRIBUTE_DECLINED
    if not agreed <= set(login.asked):
        return verifier.REASON_ATTRIBUTES_MISMATCH
    if verified.assurance not in _ASSURANCE:
        return verifier.REASON_CERTIFICATE_WRONG_KIND
    return 0


def _agreed_attributes(login: Login, verified: verifier.Verified) -> dict[str, str]:
    agreed = {ATTRIBUTE_NAMES.get(attribute) for attribute in verified.agreed}
    return {
        name: getattr(verified.attributes, name)
        for name in login.asked
        if name in agreed and verified.attributes.HasField(name)  # type: ignore[arg-type]
    }
