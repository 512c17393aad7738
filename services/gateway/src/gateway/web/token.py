"""The token endpoint (OpenID Connect Core §3.1.3): client authentication first, then the grant."""

import asyncio
from collections.abc import Callable, Mapping
from functools import partial
from time import monotonic

import msgspec
from kit.encoding import unb64u
from kit.errors import ShirushiError
from kit.forms import FormError, parse_form
from kit.http import is_gone
from kit.log import get_logger
from starlette.background import BackgroundTask
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from gateway.domain.claims import id_token_claims
from gateway.domain.client_assertion import (
    MAX_ASSERTION,
    check_claims,
    invalid_client,
    presented_assertion,
)
from gateway.domain.errors import OAuthError
from gateway.domain.redeem import Redeemed
from gateway.problems import json_response, oauth_error, temporarily_unavailable
from gateway.web.parts import OIDC, Parts

_FORM = "application/x-www-form-urlencoded"
_FLUSH_SECONDS = 0.005
# From a redemption to its answer it is some milliseconds; no client waits for less than this.
_STOOD_STILL_SECONDS = 2.0
# Sooner than a code that comes again is judged by what is stored (gateway.domain.redeem).
ANNOUNCE_SECONDS = 1.0
_log = get_logger()


def routes(parts: Parts) -> list[Route]:
    """Returns the route."""
    # OpenID Connect Core §9 names the token endpoint; FAPI 2.0 and newer drafts the issuer.
    audiences = frozenset({f"{parts.origin}{OIDC}/token", parts.issuer})

    async def token(request: Request) -> Response:
        gone = partial(is_gone, request.scope)
        try:
            form = await _form(request)
            client_id = await _authenticated(parts, form, audiences)
            _check_grant_type(form)
            return _granted(parts, await parts.redeemer.redeem(client_id, form, gone), gone)
        except OAuthError as error:
            _log.info("token_refused", error=error.error, rule=error.logged)
            return oauth_error(error)
        except ShirushiError as error:
            _log.warning("token_unavailable", reason=error.reason)
            return temporarily_unavailable()

    return [Route(f"{OIDC}/token", token, methods=["POST"], name="token")]


async def _form(request: Request) -> Mapping[str, str]:
    """Returns the form's parameters; those without a value are as good as omitted (RFC 6749 §3.2)."""
    if (header := request.headers.get("authorization")) is not None:
        # RFC 6749 §5.2: a client that tried the header is answered in the scheme that it tried.
        challenge = "Basic" if header[:6].lower() == "basic " else "Bearer"
        raise invalid_client("client authentication must be private_key_jwt, in the form", challenge=challenge)
    if request.headers.get("content-type", "").split(";")[0].strip().lower() != _FORM:
        raise OAuthError("invalid_request", f"Content-Type must be {_FORM}")
    try:
        given = parse_form(await request.body(), max_value=MAX_ASSERTION)
    except FormError as error:
        raise OAuthError("invalid_request", error.public_text, logged=error.kind) from None
    form = {name: value for name, value in given.items() if value}
    if "grant_type" not in form:
        # In the words of the service that relying parties know.
        raise OAuthError("invalid_request", "Missing form parameter: grant_type")
    return form


def _check_grant_type(form: Mapping[str, str]) -> None:
    if form["grant_type"] != "authorization_code":
        raise OAuthError("unsupported_grant_type", "grant_type must be authorization_code")


async def _authenticated(parts: Parts, form: Mapping[str, str], audiences: frozenset[str]) -> str:
    assertion = presented_assertion(form)
    client = parts.clients.find(form.get("client_id") or _named_issuer(assertion))
    if client is None:
        raise invalid_client("the client is not registered")
    claims = await parts.assertion_keys.verified_claims(client, assertion)
    checked = check_claims(claims, audiences=audiences, now=parts.clock.now())
    if checked.client_id != client.client_id:
        raise invalid_client("client_assertion: iss and sub must be the client_id")
    if not await parts.assertion_ids.take(checked.client_id, checked.jti, checked.expires_at):
        raise invalid_client("client_assertion: jti was used before")
    return client.client_id


def _granted(parts: Parts, redeemed: Redeemed, gone: Callable[[], bool]) -> Response:
    began, stored = monotonic(), redeemed.stored
    claims = id_token_claims(
        stored.login,
        issuer=parts.issuer,
        sub=redeemed.sub,
        access_token=redeemed.access_token,
        now=parts.clock.now(),
        lifetime=redeemed.expires_in,
    )
    content = {
        "access_token": redeemed.access_token,
        "token_type": "Bearer",
        "expires_in": redeemed.expires_in,
        "scope": " ".join(stored.login.scopes),
        "id_token": parts.id_tokens.sign(claims),
    }
    _log.info("login_redeemed", login_id=stored.login_id.hex())

    async def announce() -> None:
        # The event loop writes at the end of its turn: a death in the work below must not take the answer with it.
        await asyncio.sleep(_FLUSH_SECONDS)
        if gone() and monotonic() - began > _STOOD_STILL_SECONDS:
            # The process stood still with the answer in its hands, and the client gave up meanwhile: it may ask again.
            parts.redeemer.answered.forget(stored.login_id)
            _log.warning("redemption_unheard", login_id=stored.login_id.hex())
            return
        announcing = asyncio.create_task(parts.verdicts.announce(stored))
        # The login is due in the store until this has been done, so a death in between only delays it.
        await asyncio.wait((announcing,), timeout=ANNOUNCE_SECONDS)
        if not announcing.done() or announcing.exception() is not None:
            await parts.redeemer.keep_answered(stored)
        try:
            await announcing
        except ShirushiError as error:
            _log.warning("conclusion_delayed", login_id=stored.login_id.hex(), reason=error.reason)

    response = json_response(content)
    response.background = BackgroundTask(announce)
    return response


def _named_issuer(assertion: str) -> str:
    """Returns whom an assertion says it is from, only to find the keys that then check it."""
    try:
        payload = msgspec.json.decode(unb64u(assertion.split(".")[1], max_bytes=MAX_ASSERTION))
        return str(payload["iss"])
    except (ValueError, IndexError, KeyError, TypeError, RecursionError):
        raise invalid_client("client_assertion: not a signed JWT") from None
