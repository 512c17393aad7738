"""The relying party redeems a code for tokens, once (RFC 6749 §4.1.3, OpenID Connect Core §3.1.3).

Once means one answer: where the process that spent a code died before its answer, or the client had hung up when it was
ready, the same client may ask again. That an answer left is known by its announcement, or by a note in its place.
"""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import msgspec
from kit.clock import Clock
from kit.custody import KeyGone
from kit.errors import Unavailable
from kit.hour import Hour
from shirushi.gateway.v1 import events_pb2 as pb

from gateway.domain.claims import userinfo_claims
from gateway.domain.errors import OAuthError
from gateway.domain.login import Collected, Login, State, digest, same_secret
from gateway.domain.noted import Noted
from gateway.domain.opaque_token import SECRET_BYTES, OpenedToken, TokenInvalid, TokenKeys, open_token, seal_token
from gateway.domain.pkce import check_code_verifier
from gateway.domain.ports import Changed, Facts, Gone, Logins, Stored
from gateway.domain.verdicts import RETRY_MINUTES

CODE_MINUTES = 1
ACCESS_MINUTES = 5
_ATTEMPTS = 4
# An answer leaves within milliseconds and its announcement is stored a tenth of a second later; not scaled by the hour.
ANSWER_SECONDS = 1.5
_LOOK_AGAIN_SECONDS = 0.1


@dataclass(frozen=True, slots=True)
class Redeemed:
    """A login whose code has just been redeemed, and its access token."""

    stored: Stored
    sub: str
    access_token: str
    expires_in: int


def _invalid_grant(rule: str) -> OAuthError:
    return OAuthError("invalid_grant", rule)


@dataclass(frozen=True, slots=True)
class Redeemer:
    """Redeems codes and answers for access tokens over its ports."""

    logins: Logins
    facts: Facts
    keys: TokenKeys
    clock: Clock
    hour: Hour
    random: Callable[[int], bytes]
    # Whose tokens are on their way to the relying party: a code that comes again comes from somewhere else.
    answered: Noted = field(default_factory=Noted)
    wait: Callable[[float], Awaitable[None]] = asyncio.sleep

    async def redeem(
        self, client_id: str, form: Mapping[str, str], is_gone: Callable[[], bool] = lambda: False
    ) -> Redeemed:
        """Spends a code, even when something else about the request is wrong, and returns what it is worth.

        Args:
            client_id: the authenticated client's.
            form: the token request.
            is_gone: whether who asks has hung up. A request that hung somewhere while its client asked again elsewhere
                spends nothing and takes nothing back.

        Raises:
            OAuthError: invalid_request, invalid_grant.
            Unavailable: the database is away and the code as it was, or nobody is there to answer.
        """
        code = form.get("code")
        if not code:
            raise OAuthError("invalid_request", "code is required")
        if not form.get("redirect_uri"):
            raise OAuthError("invalid_request", "redirect_uri is required")
        token = self._opened("code", code)
        if token is None:
            raise _invalid_grant("code is not valid")
        fresh = False
        for _ in range(_ATTEMPTS):
            stored, collected = await self._login_of(token, fresh=fresh)
            if stored.login.client_id != client_id:
                # Not spent: otherwise whoever saw a code could spoil it.
                raise _invalid_grant("code is not for this client")
            stored, collected = await self._settled(token, stored, collected)
            if is_gone():
                raise Unavailable(reason="caller_gone")
            try:
                redeemed = await self._redeem(stored, collected, form)
            except Changed:
                fresh = True
                continue
            if is_gone():
                # Nothing is announced, so the client may ask again.
                raise Unavailable(reason="caller_gone")
            self.answered.note(stored.login_id)
            return redeemed
        raise _invalid_grant("code is not valid")

    async def _settled(self, token: OpenedToken, stored: Stored, collected: Collected) -> tuple[Stored, Collected]:
        """Waits, where a code was spent a moment ago, until it is clear whether its tokens left.

        Who spends a code announces the conclusion right after its answer; where that stays away it died in between.
        """
        while self._may_be_unanswered(stored) and self.clock.now() < stored.login.concluded_at + ANSWER_SECONDS:
            await self.wait(_LOOK_AGAIN_SECONDS)
            stored, collected = await self._login_of(token, fresh=True)
        return stored, collected

    async def keep_answered(self, stored: Stored) -> None:
        """Lets every replica know that the tokens left, where the conclusion, which says so too, is not published in time."""
        answered = msgspec.structs.replace(stored.login, answered=True)
        # Whoever changed the login meanwhile knew; and the note in this process stands in any case.
        with contextlib.suppress(Changed, Gone, Unavailable):
            await self.logins.change(stored, stored.state, answered, due_at=stored.due_at)

    def _may_be_unanswered(self, stored: Stored) -> bool:
        login = stored.login
        return (
            stored.state is State.REDEEMED
            and not login.announced
            and not login.answered
            and not login.killed
            and stored.login_id not in self.answered
            # From then on the sweeper announces it, for whoever died.
            and self.clock.now() < login.concluded_at + self.hour.minutes(RETRY_MINUTES)
        )

    async def userinfo(self, access_token: str) -> dict[str, Any]:
        """Returns the claims that an access token is good for; raises OAuthError invalid_token."""
        token = self._opened("access", access_token)
        if token is not None:
            for fresh in (False, True):
                try:
                    stored = await self.logins.find(token.login_id, fresh=fresh)
                except Gone:
                    break
                if self._is_good(stored, token):
                    return userinfo_claims(stored.login)
        raise OAuthError("invalid_token", "the access token is not valid", status=401)

    def _is_good(self, stored: Stored, token: OpenedToken) -> bool:
        login = stored.login
        return (
            stored.state is State.REDEEMED
            and not login.killed
            and self.clock.now() < login.access_until
            and same_secret(login.access_digest, token.payload)
        )

    def _opened(self, kind: str, token: str) -> OpenedToken | None:
        try:
            return open_token(self.keys, kind, token)
        except (TokenInvalid, KeyGone):
            return None

    async def _login_of(self, token: OpenedToken, *, fresh: bool) -> tuple[Stored, Collected]:
        try:
            stored = await self.logins.find(token.login_id, fresh=fresh)
        except Gone:
            raise _invalid_grant("code is not valid") from None
        collected = stored.login.collected
        if collected is not None and same_secret(collected.code_digest, token.payload):
            return stored, collected
        if not fresh:
            # Another replica may have given the code out a moment ago.
            return await self._login_of(token, fresh=True)
        raise _invalid_grant("code is not valid")

    async def _redeem(self, stored: Stored, collected: Collected, form: Mapping[str, str]) -> Redeemed:
        login = stored.login
        again = self._may_be_unanswered(stored)
        if stored.state is State.REDEEMED and not again:
            # RFC 6749 §4.1.2: a code used twice was stolen once, so what it gave is taken back.
            await self._kill(stored)
            raise _invalid_grant("code was used before")
        if stored.state is not State.COLLECTED and not again:
            raise _invalid_grant("code is not valid")
        now = self.clock.now()
        if now > collected.collected_at + self.hour.minutes(CODE_MINUTES):
            raise _invalid_grant("code has expired")
        try:
            check_grant(login, form)
        except OAuthError:
            # Spent all the same: whoever presents a code without its verifier may have stolen it.
            spent = msgspec.structs.replace(
                login, stage=pb.STAGE_REDEEM, concluded_at=now, verified=None, collected=None
            )
            await self.logins.change(stored, State.EXPIRED, spent, due_at=now)
            raise
        secret = self.random(SECRET_BYTES)
        ends = min(now + self.hour.minutes(ACCESS_MINUTES), self.hour.credential_deadline(stored.epoch))
        redeemed = msgspec.structs.replace(
            login,
            access_digest=digest(secret),
            access_until=ends,
            # Of a redemption that was never answered the first moment counts: nobody prolongs it by asking again.
            concluded_at=login.concluded_at if again else now,
        )
        # Due at once more: the sweeper publishes the conclusion if this process dies before it has.
        due_at = now + self.hour.minutes(RETRY_MINUTES)
        changed = await self.logins.change(stored, State.REDEEMED, redeemed, due_at=due_at, expires_at=ends)
        access = seal_token(self.keys, "access", stored.epoch, stored.login_id, secret)
        return Redeemed(changed, collected.sub, access, int(ends - now))

    async def _kill(self, stored: Stored) -> None:
        login = stored.login
        if login.killed:
            return
        killed = msgspec.structs.replace(login, killed=True, verified=None)
        due_at = None if login.announced else self.clock.now()
        await self.logins.change(stored, State.REDEEMED, killed, due_at=due_at)
        # Replicas that have seen the login a moment ago must not answer for its token any more.
        await self.facts.progressed(stored)


def check_grant(login: Login, form: Mapping[str, str]) -> None:
    """Checks that a token request belongs to the authorization request; raises OAuthError."""
    if form["redirect_uri"] != login.redirect_uri:
        raise _invalid_grant("redirect_uri is not that of the authorization request")
    check_code_verifier(form.get("code_verifier"), login.code_challenge)
