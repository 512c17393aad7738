"""The token endpoint (OpenID Connect Core §3.1.3): client authentication first, then the grant."""

from collections.abc import Mapping

import msgspec

from kit.encoding import unb64u
from kit.errors import ShirushiError
from kit.forms import FormError, parse_form
from kit.log import get_logger
from starlette.background import BackgroundTask
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from gateway.domain.claims import id_token_claims
from gateway.domain.client_assertion import check_claims, invalid_client, presented_assertion
from gateway.domain.errors import OAuthError
from gateway.domain.redeem import Redeemed
from gateway.problems import json_response, oauth_error, temporarily_unavailable
from gateway.web.parts import OIDC, Parts

_FORM = "application/x-www-form-urlencoded"
_MAX_VALUE = 4608
_log = get_logger()


class TokenEndpoint:
    """Redeems codes for ID and access tokens."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        # RFC 7523 §3 names the token endpoint; FAPI 2.0 and newer drafts the issuer.
        self._audiences = frozenset({f"{parts.origin}{OIDC}/token", parts.issuer})

    def routes(self) -> list[Route]:
        """Returns the route."""
        return [Route(f"{OIDC}/token", self.token, methods=["POST"])]

    async def token(self, request: Request) -> Response:
        """Answers a token request."""
        try:
            return await self._token(await _form(request))
        except OAuthError as error:
            _log.info("token_refused", error=error.error, rule=error.description)
            return oauth_error(error)
        except ShirushiError as error:
            _log.warning("token_unavailable", reason=error.reason)
            return temporarily_unavailable()

    async def _token(self, form: Mapping[str, str]) -> Response:
        grant_type = form.get("grant_type")
        if not grant_type:
            raise OAuthError("invalid_request", "Missing form parameter: grant_type")
        client_id = await self._authenticated(form)
        if grant_type != "authorization_code":
            raise OAuthError("unsupported_grant_type", "grant_type must be authorization_code")
        redeemed = await self._parts.redeemer.redeem(client_id, form)
        login = redeemed.stored.login
        if login.collected is None:
            raise OAuthError("invalid_grant", "code is not valid")
        now = self._parts.clock.now()
        claims = id_token_claims(
            login,
            issuer=self._parts.issuer,
            sub=login.collected.sub,
            access_token=redeemed.access_token,
            now=now,
            lifetime=redeemed.expires_in,
        )
        content = {
            "access_token": redeemed.access_token,
            "token_type": "Bearer",
            "expires_in": redeemed.expires_in,
            "scope": " ".join(login.scopes),
            "id_token": self._parts.id_tokens.sign(claims),
        }
        _log.info("login_redeemed", login_id=redeemed.stored.login_id.hex())
        response = json_response(content)
        response.background = BackgroundTask(self._announce, redeemed)
        return response

    async def _announce(self, redeemed: Redeemed) -> None:
        # The login is due in the store until this has been done, so a death in between only delays it.
        try:
            await self._parts.verdicts.announce(redeemed.stored)
        except ShirushiError as error:
            _log.warning("conclusion_delayed", reason=error.reason)

    async def _authenticated(self, form: Mapping[str, str]) -> str:
        assertion = presented_assertion(form)
        named = form.get("client_id") or _claimed_issuer(assertion)
        client = self._parts.clients.find(named)
        if client is None:
            raise invalid_client("the client is not registered")
        claims = await self._parts.assertion_keys.verified_claims(client, assertion)
        checked = check_claims(claims, audiences=self._audiences, now=self._parts.clock.now())
        if checked.client_id != client.client_id:
            raise invalid_client("client_assertion: iss and sub must be the client_id")
        if not await self._parts.assertion_ids.take(checked.client_id, checked.jti, checked.expires_at):
            raise invalid_client("client_assertion: jti was used before")
        return client.client_id


async def _form(request: Request) -> Mapping[str, str]:
    if request.headers.get("content-type", "").split(";")[0].strip().lower() != _FORM:
        raise OAuthError("invalid_request", f"Content-Type must be {_FORM}")
    try:
        return parse_form(await request.body(), max_value=_MAX_VALUE)
    except FormError as error:
        raise OAuthError("invalid_request", error.public_text) from None


def _claimed_issuer(assertion: str) -> str:
    """Returns whom an assertion says it is from, only to find the keys that then check it."""
    try:
        payload = msgspec.json.decode(unb64u(assertion.split(".")[1], max_bytes=4096))
        return str(payload["iss"])
    except (ValueError, IndexError, KeyError, TypeError):
        raise invalid_client("client_assertion: not a signed JWT") from None
