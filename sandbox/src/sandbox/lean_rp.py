"""A relying party without pages, for measuring: the protocol and nothing else, so that the load generator stays small."""

import base64
import hashlib
import json
import time
from dataclasses import dataclass, field
from functools import partial
from http import HTTPStatus
from pathlib import Path
from secrets import token_urlsafe
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import aiohttp
from joserfc import jwt

from sandbox.patience import AWAY, Away, patiently
from sandbox.rp.clients import BENCH, BENCH_REDIRECT_URI, load_key

ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"


class RefusedError(Exception):
    """The authorization response was an error; `description` is the class that the gateway tells."""

    def __init__(self, error: str, description: str | None) -> None:
        super().__init__(error)
        self.error = error
        self.description = description


@dataclass
class Attempt:
    """What the relying party remembers between request and redirect."""

    state: str = field(default_factory=lambda: token_urlsafe(16))
    nonce: str = field(default_factory=lambda: token_urlsafe(16))
    verifier: str = field(default_factory=lambda: token_urlsafe(32))

    @property
    def challenge(self) -> str:
        """PKCE S256 (RFC 7636 §4.2)."""
        return base64.urlsafe_b64encode(hashlib.sha256(self.verifier.encode()).digest()).rstrip(b"=").decode()


class LeanRp:
    """Speaks to one issuer as the client `bench`."""

    def __init__(self, session: aiohttp.ClientSession, issuer: str, state: Path, scope: str = "openid") -> None:
        self._session = session
        self._base = f"{issuer}/protocol/openid-connect"
        self._key = load_key(state, BENCH)
        self._scope = scope

    def authorization_url(self, attempt: Attempt) -> str:
        """Where to send the browser."""
        query = {
            "response_type": "code",
            "client_id": BENCH,
            "redirect_uri": BENCH_REDIRECT_URI,
            "scope": self._scope,
            "state": attempt.state,
            "nonce": attempt.nonce,
            "code_challenge": attempt.challenge,
            "code_challenge_method": "S256",
        }
        return f"{self._base}/auth?{urlencode(query)}"

    @staticmethod
    def is_redirect(url: str) -> bool:
        """Whether this is the authorization response."""
        return url.startswith(BENCH_REDIRECT_URI)

    async def redeem(self, url: str, attempt: Attempt) -> dict[str, Any]:
        """Exchanges the code of an authorization response and reads userinfo; returns its claims.

        Raises:
            RefusedError: The response or the token endpoint says no.
        """
        query = {name: values[0] for name, values in parse_qs(urlsplit(url).query).items()}
        if query.get("state") != attempt.state:
            raise RefusedError("state_mismatch", None)
        if "error" in query:
            raise RefusedError(query["error"], query.get("error_description"))
        token = await patiently(partial(self._token, query["code"], attempt))
        identity = _payload(token["id_token"])
        claims = await patiently(partial(self._userinfo, token["access_token"]))
        # The signature is not looked at: TLS to the issuer stands for it (OpenID Connect Core §3.1.3.7, point 6).
        if identity["nonce"] != attempt.nonce or identity["sub"] != claims["sub"]:
            raise RefusedError("id_token_mismatch", None)
        return claims

    async def _token(self, code: str, attempt: Attempt) -> dict[str, Any]:
        now = int(time.time())
        claims = {
            "iss": BENCH,
            "sub": BENCH,
            "aud": f"{self._base}/token",
            "jti": token_urlsafe(16),
            "iat": now,
            "exp": now + 60,
        }
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": BENCH_REDIRECT_URI,
            "code_verifier": attempt.verifier,
            "client_assertion_type": ASSERTION_TYPE,
            "client_assertion": jwt.encode({"alg": "ES256", "kid": self._key.kid}, claims, self._key),
        }
        async with self._session.post(f"{self._base}/token", data=form) as response:
            if response.status in AWAY:
                raise Away
            answer: dict[str, Any] = await response.json()
            if response.status != HTTPStatus.OK:
                raise RefusedError(answer.get("error", "token"), answer.get("error_description"))
            return answer

    async def _userinfo(self, access_token: str) -> dict[str, Any]:
        headers = {"Authorization": f"Bearer {access_token}"}
        async with self._session.get(f"{self._base}/userinfo", headers=headers) as response:
            if response.status in AWAY:
                raise Away
            response.raise_for_status()
            claims: dict[str, Any] = await response.json()
            return claims


def _payload(token: str) -> dict[str, Any]:
    part = token.split(".")[1]
    payload: dict[str, Any] = json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))
    return payload
