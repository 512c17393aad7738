"""The waiting browser collects its login: a single-use code for the relying party, or the class of a refusal."""

from collections.abc import Callable
from dataclasses import dataclass

import msgspec
from kit.clock import Clock
from kit.hour import Hour

from gateway.domain.client import Client
from gateway.domain.errors import LoginRefused
from gateway.domain.login import Collected, State, digest, needs_return, same_secret
from gateway.domain.opaque_token import SECRET_BYTES, TokenKeys, seal_token
from gateway.domain.outcome import EXPIRED, class_of
from gateway.domain.ports import Changed, Facts, Logins, Pseudonyms, Stored
from gateway.domain.redirect_uri import with_parameters
from gateway.domain.sector import sector_label
from gateway.domain.typed_code import MAX_ATTEMPTS, same_code, typed_code

REPEAT_SECONDS = 10.0
_ATTEMPTS = 4


@dataclass(frozen=True, slots=True)
class Collector:
    """Completes logins for browsers over its ports."""

    logins: Logins
    pseudonyms: Pseudonyms
    facts: Facts
    keys: TokenKeys
    find_client: Callable[[str], Client | None]
    sector_key: bytes
    issuer: str
    clock: Clock
    hour: Hour
    random: Callable[[int], bytes]

    def check_browser(self, stored: Stored, cookie: bytes | None) -> None:
        """Checks that this browser started the login; raises LoginRefused(wrong_browser)."""
        if cookie is None or not same_secret(stored.login.cookie_digest, cookie):
            raise LoginRefused("wrong_browser")

    async def collect(self, stored: Stored, *, returned: bool) -> str:
        """Returns where to send the browser.

        Args:
            stored: the login, whose browser has been checked.
            returned: whether the app's way back or the typed code has been through this browser.

        Raises:
            LoginRefused: not ready, needs the app's way back first, or collected too long ago.
            Unavailable: pseudonym or the database are away; the same call later may succeed.
        """
        for _ in range(_ATTEMPTS):
            try:
                return await self._collect(stored, returned=returned)
            except Changed:
                stored = await self.logins.find(stored.login_id)
        raise LoginRefused("not_ready")

    async def type_code(self, stored: Stored, typed: str) -> None:
        """Checks the code that was shown elsewhere; raises LoginRefused(typed_code_wrong | typed_code_spent)."""
        login = stored.login
        if login.typed_wrong >= MAX_ATTEMPTS:
            raise LoginRefused("typed_code_spent")
        expected = typed_code(self.keys.token_key(stored.epoch), stored.login_id)
        if same_code(expected, typed):
            return
        counted = msgspec.structs.replace(login, typed_wrong=login.typed_wrong + 1)
        due_at = self._due_at(stored)
        try:
            await self.logins.change(stored, stored.state, counted, due_at=due_at)
        except Changed:
            # Counted or overtaken by somebody else; a wrong code stays wrong.
            pass
        raise LoginRefused("typed_code_wrong")

    def needs_return(self, stored: Stored) -> bool:
        """Tells whether the login waits for the app's way back or the typed code."""
        client = self.find_client(stored.login.client_id)
        return needs_return(stored.login, typed_code_policy=client is not None and client.typed_code)

    async def _collect(self, stored: Stored, *, returned: bool) -> str:
        login = stored.login
        match stored.state:
            case State.REFUSED:
                return self._refusal(stored, class_of(login.reason))
            case State.EXPIRED:
                return self._refusal(stored, EXPIRED)
            case State.COLLECTED | State.REDEEMED:
                return self._again(stored, returned=returned)
            case State.WAITING:
                raise LoginRefused("not_ready")
        verified = login.verified
        client = self.find_client(login.client_id)
        if verified is None or client is None:
            raise LoginRefused("not_ready")
        if not returned and self.needs_return(stored):
            raise LoginRefused("needs_return")
        sub = await self.pseudonyms.derive_sub(
            stored.login_id,
            stored.epoch,
            verified.sealed_subject,
            sector_label(self.sector_key, client.sector_identifier),
            login.commitment_blind,
            client.key_version,
        )
        secret = self.random(SECRET_BYTES)
        code = seal_token(self.keys, "code", stored.epoch, stored.login_id, secret)
        now = self.clock.now()
        redirect = with_parameters(login.redirect_uri, {"code": code, "state": login.state, "iss": self.issuer})
        collected = Collected(sub=sub, code_digest=digest(secret), redirect=redirect, collected_at=now)
        # The sealed handle has served: nothing that could name the card stays once the sub is there.
        found = msgspec.structs.replace(verified, sealed_subject=b"")
        changed = msgspec.structs.replace(login, verified=found, collected=collected)
        due_at = now + self.hour.minutes(1.1)
        await self.logins.change(stored, State.COLLECTED, changed, due_at=due_at)
        return redirect

    def _again(self, stored: Stored, *, returned: bool) -> str:
        collected = stored.login.collected
        if collected is None or (not returned and self.needs_return(stored)):
            raise LoginRefused("needs_return")
        if self.clock.now() - collected.collected_at > REPEAT_SECONDS:
            raise LoginRefused("already_collected")
        return collected.redirect

    def _refusal(self, stored: Stored, refusal: str) -> str:
        login = stored.login
        return with_parameters(
            login.redirect_uri,
            {"error": "access_denied", "error_description": refusal, "state": login.state, "iss": self.issuer},
        )

    def _due_at(self, stored: Stored) -> float:
        if stored.state is State.WAITING:
            return stored.login.requested_at + self.hour.minutes(5.1)
        return self.hour.epoch_start(stored.epoch) + self.hour.minutes(52)


