"""The waiting browser collects its login: a single-use code for the relying party, or the class of a refusal."""

from collections.abc import Callable
from dataclasses import dataclass, field

import msgspec
from kit.clock import Clock
from kit.errors import Code, ShirushiError, Unavailable
from kit.hour import Hour
from shirushi.verifier.v1 import events_pb2 as verifier

from gateway.domain.client import Client
from gateway.domain.errors import LoginRefused
from gateway.domain.login import Collected, Login, State, Verified, digest, needs_return
from gateway.domain.noted import Noted
from gateway.domain.opaque_token import SECRET_BYTES, TokenKeys, seal_token
from gateway.domain.outcome import EXPIRED, class_of
from gateway.domain.ports import Changed, Logins, Pseudonyms, Stored
from gateway.domain.redirect_uri import with_parameters
from gateway.domain.sector import sector_label
from gateway.domain.typed_code import MAX_ATTEMPTS, same_code, typed_code

REPEAT_SECONDS = 10.0
# The code lives a minute; the sweeper looks a little later.
_REDEEM_BY_MINUTES = 1.1
_ATTEMPTS = 4
# What pseudonym answers when the handle was sealed for another login or sector than the one that is asked for. By reason and
# not by code: a key version that it lacks or a database that refuses it says nothing about the card.
_SUBJECT_REFUSED = frozenset(
    {
        "sealed_subject_size",
        "subject_of_another_login",
        "subject_malformed",
        "subject_unreadable",
        "sector_commitment_mismatch",
        "second_sector",
    }
)


@dataclass(frozen=True, slots=True)
class Collector:
    """Completes logins for browsers over its ports. That it is the right browser has been checked before."""

    logins: Logins
    pseudonyms: Pseudonyms
    keys: TokenKeys
    find_client: Callable[[str], Client | None]
    sector_key: bytes
    issuer: str
    clock: Clock
    hour: Hour
    random: Callable[[int], bytes]
    # Collected, or perhaps so, without anybody having been sent anywhere: the ten seconds do not count for these.
    unheard: Noted = field(default_factory=Noted)

    async def collect(self, stored: Stored, *, returned: bool) -> str:
        """Returns where to send the browser.

        Args:
            stored: the login.
            returned: whether the app's way back or the typed code has been through this browser.

        Raises:
            LoginRefused: not ready, needs the app's way back first, or collected too long ago.
            Unavailable: pseudonym or the database are away; the same call later may succeed.
        """
        for _ in range(_ATTEMPTS):
            try:
                return await self._collect(stored, returned=returned)
            except Changed:
                stored = await self.logins.find(stored.login_id, fresh=True)
        raise Unavailable(reason="contention")

    async def type_code(self, stored: Stored, typed: str) -> None:
        """Checks the code that was shown elsewhere; raises LoginRefused(typed_code_wrong | typed_code_spent)."""
        expected = typed_code(self.keys.token_key(stored.epoch), stored.login_id)
        for _ in range(_ATTEMPTS):
            login = stored.login
            if login.typed_wrong >= MAX_ATTEMPTS:
                raise LoginRefused("typed_code_spent")
            # Counted before it is compared: of guesses that come together no more are looked at than the bound allows.
            counted = msgspec.structs.replace(login, typed_wrong=login.typed_wrong + 1)
            try:
                changed = await self.logins.change(stored, stored.state, counted, due_at=stored.due_at)
            except Changed:
                stored = await self.logins.find(stored.login_id, fresh=True)
                continue
            if same_code(expected, typed):
                return
            spent = changed.login.typed_wrong >= MAX_ATTEMPTS
            raise LoginRefused("typed_code_spent" if spent else "typed_code_wrong")
        raise Unavailable(reason="contention")

    def needs_return(self, login: Login) -> bool:
        """Tells whether the login waits for the app's way back or the typed code."""
        client = self.find_client(login.client_id)
        return needs_return(login, typed_code_policy=client is not None and client.typed_code)

    async def _collect(self, stored: Stored, *, returned: bool) -> str:
        login = stored.login
        match stored.state:
            case State.REFUSED:
                return refusal(login, class_of(login.reason), self.issuer)
            case State.EXPIRED:
                return refusal(login, EXPIRED, self.issuer)
            case State.COLLECTED | State.REDEEMED:
                return self._again(stored, returned=returned)
        verified = login.verified
        if stored.state is not State.VERIFIED or verified is None:
            raise LoginRefused("not_ready")
        if not returned and self.needs_return(login):
            raise LoginRefused("needs_return")
        return await self._mint(stored, verified)

    async def _mint(self, stored: Stored, verified: Verified) -> str:
        login = stored.login
        client = self.find_client(login.client_id)
        if client is None:
            # Removed from the registry while the person held the card to the phone: nobody may be told anything.
            raise LoginRefused("client_id_unknown")
        try:
            sub = await self.pseudonyms.derive_sub(
                stored.login_id,
                stored.epoch,
                sealed_subject=verified.sealed_subject,
                label=sector_label(self.sector_key, client.sector_identifier),
                blind=login.commitment_blind,
                key_version=client.key_version,
            )
        except ShirushiError as error:
            if error.reason in _SUBJECT_REFUSED:
                return await self._refuse_subject(stored)
            if error.code in (Code.UNAVAILABLE, Code.INTERNAL):
                raise
            # Whatever it is, an operator has to mend it; the login waits until it has to be collected.
            raise Unavailable("the pseudonym cannot be had", reason=error.reason) from error
        now = self.clock.now()
        secret = self.random(SECRET_BYTES)
        code = seal_token(self.keys, "code", stored.epoch, stored.login_id, secret)
        redirect = with_parameters(login.redirect_uri, {"code": code, "state": login.state, "iss": self.issuer})
        collected = msgspec.structs.replace(
            login,
            # The sealed handle has served: nothing that leads to the card stays once the sub is there.
            verified=msgspec.structs.replace(verified, sealed_subject=b""),
            collected=Collected(sub=sub, code_digest=digest(secret), redirect=redirect, collected_at=now),
        )
        due_at = now + self.hour.minutes(_REDEEM_BY_MINUTES)
        try:
            await self.logins.change(stored, State.COLLECTED, collected, due_at=due_at)
        except Unavailable:
            # It may be stored all the same, or be before long.
            self.unheard.note(stored.login_id)
            raise
        return redirect

    async def _refuse_subject(self, stored: Stored) -> str:
        now = self.clock.now()
        reason = verifier.REASON_BINDING_MISMATCH
        refused = msgspec.structs.replace(stored.login, reason=reason, concluded_at=now, verified=None)
        # Due at once: the sweeper publishes it.
        await self.logins.change(stored, State.REFUSED, refused, due_at=now)
        return refusal(refused, class_of(reason), self.issuer)

    def _again(self, stored: Stored, *, returned: bool) -> str:
        login, collected = stored.login, stored.login.collected
        if collected is None or (not returned and self.needs_return(login)):
            raise LoginRefused("already_collected")
        if self.clock.now() - collected.collected_at > REPEAT_SECONDS and stored.login_id not in self.unheard:
            raise LoginRefused("already_collected")
        return collected.redirect


def refusal(login: Login, description: str, issuer: str) -> str:
    """Returns the authorization error response of a refused login: access_denied and its class, never the reason."""
    return with_parameters(
        login.redirect_uri,
        {"error": "access_denied", "error_description": description, "state": login.state, "iss": issuer},
    )
