"""The relying party redeems a code for tokens, once (RFC 6749 §4.1.3, OpenID Connect Core §3.1.3)."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import msgspec
from kit.clock import Clock
from kit.custody import KeyGone
from kit.hour import Hour
from shirushi.gateway.v1 import events_pb2 as pb

from gateway.domain.claims import userinfo_claims
from gateway.domain.errors import OAuthError
from gateway.domain.login import State, digest, same_secret
from gateway.domain.opaque_token import SECRET_BYTES, TokenInvalid, TokenKeys, open_token, seal_token
from gateway.domain.pkce import check_code_verifier
from gateway.domain.ports import Changed, Gone, Logins, Stored

_ATTEMPTS = 4


@dataclass(frozen=True, slots=True)
class Redeemed:
    """A login whose code has just been redeemed, and its access token."""

    stored: Stored
    access_token: str
    expires_in: int


def _invalid_grant(rule: str) -> OAuthError:
    return OAuthError("invalid_grant", rule)


@dataclass(frozen=True, slots=True)
class Redeemer:
    """Redeems codes and answers for access tokens over its ports."""

    logins: Logins
    keys: TokenKeys
    clock: Clock
    hour: Hour
    random: Callable[[int], bytes]

    async def redeem(self, client_id: str, form: Mapping[str, str]) -> Redeemed:
        """Spends a code, even when something else about the request is wrong, and returns what it is worth.

        Raises:
            OAuthError: invalid_request, invalid_grant.
            Unavailable: the database is away; the code is as it was.
        """
        code = form.get("code")
        if not code:
            raise OAuthError("invalid_request", "code is required")
        if "redirect_uri" not in form:
            raise OAuthError("invalid_request", "redirect_uri is required")
        for _ in range(_ATTEMPTS):
            stored = await self._login_of(code)
            if stored.login.client_id != client_id:
                # Not spent: otherwise whoever saw a code could spoil it.
                raise _invalid_grant("code is not for this client")
            try:
                return await self._redeem(stored, form)
            except Changed:
                continue
        raise _invalid_grant("code is not valid")

    async def userinfo(self, access_token: str) -> dict[str, Any]:
        """Returns the claims that an access token is good for; raises OAuthError invalid_token."""
        refused = OAuthError("invalid_token", "the access token is not valid", status=401)
        try:
            token = open_token(self.keys, "access", access_token)
            stored = await self.logins.find(token.login_id)
        except (TokenInvalid, Gone, KeyGone):
            raise refused from None
        login = stored.login
        if (
            stored.state is not State.REDEEMED
            or login.killed
            or self.clock.now() >= login.access_until
            or not same_secret(login.access_digest, token.payload)
        ):
            raise refused
        return userinfo_claims(login)

    async def _login_of(self, code: str) -> Stored:
        try:
            token = open_token(self.keys, "code", code)
            stored = await self.logins.find(token.login_id)
        except (TokenInvalid, Gone, KeyGone):
            raise _invalid_grant("code is not valid") from None
        collected = stored.login.collected
        if collected is None or not same_secret(collected.code_digest, token.payload):
            raise _invalid_grant("code is not valid")
        return stored

    async def _redeem(self, stored: Stored, form: Mapping[str, str]) -> Redeemed:
        login = stored.login
        collected = login.collected
        if stored.state is State.REDEEMED:
            # RFC 6749 §4.1.2: a code used twice was stolen once, so what it gave is taken back.
            await self._kill(stored)
            raise _invalid_grant("code was used before")
        if stored.state is not State.COLLECTED or collected is None:
            raise _invalid_grant("code is not valid")
        now = self.clock.now()
        if now > collected.collected_at + self.hour.minutes(1):
            raise _invalid_grant("code has expired")
        problem: OAuthError | None = None
        try:
            if form["redirect_uri"] != login.redirect_uri:
                raise _invalid_grant("redirect_uri is not that of the authorization request")
            check_code_verifier(form.get("code_verifier"), login.code_challenge)
        except OAuthError as error:
            problem = error
        if problem is not None:
            # Spent all the same: whoever presents a code without its verifier may have stolen it.
            spent = msgspec.structs.replace(login, stage=pb.STAGE_REDEEM, concluded_at=now)
            await self.logins.change(stored, State.EXPIRED, spent, due_at=now)
            raise problem
        secret = self.random(SECRET_BYTES)
        ends = min(now + self.hour.minutes(5), self.hour.credential_deadline(stored.epoch))
        redeemed = msgspec.structs.replace(
            login,
            access_digest=digest(secret),
            access_until=ends,
            concluded_at=now,
        )
        # Due at once more: the sweeper publishes the conclusion if this process dies before it has.
        due_at = now + self.hour.minutes(0.25)
        changed = await self.logins.change(stored, State.REDEEMED, redeemed, due_at=due_at)
        access = seal_token(self.keys, "access", stored.epoch, stored.login_id, secret)
        return Redeemed(changed, access, int(ends - now))

    async def _kill(self, stored: Stored) -> None:
        if not stored.login.killed:
            killed = msgspec.structs.replace(stored.login, killed=True)
            due_at = None if stored.login.announced else self.clock.now()
            await self.logins.change(stored, State.REDEEMED, killed, due_at=due_at)
