"""The authorization endpoint (OpenID Connect Core §3.1.2): an accepted request becomes a login and leads to its page."""

from kit.errors import ShirushiError
from kit.log import get_logger
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from gateway.domain.authorization_request import (
    answerable_state,
    check_authorization_request,
    check_client,
    language_of,
)
from gateway.domain.cookie import cookie_name, cookie_value, superfluous
from gateway.domain.errors import OAuthError, UnsafeRequest
from gateway.domain.parameters import Parameters, read_parameters
from gateway.domain.ports import Stored
from gateway.domain.redirect_uri import check_redirect_uri, with_parameters
from gateway.pages import error_page
from gateway.problems import error_parameters
from gateway.web.asking import asking_browser, language, login_cookies
from gateway.web.opened import see_other
from gateway.web.parts import OIDC, Parts

_FORM = "application/x-www-form-urlencoded"
_COOKIE = "Path=/; Secure; HttpOnly; SameSite=Lax"
_COOKIE_MINUTES = 52
_log = get_logger()


def routes(parts: Parts) -> list[Route]:
    """Returns the route; GET and POST mean the same (OpenID Connect Core §3.1.2.1)."""

    async def authorize(request: Request) -> Response:
        chosen: str | None = None
        try:
            parameters = await _parameters(request)
            chosen = language_of(parameters.get("ui_locales"), None)
            client = check_client(parameters, parts.clients.find)
            redirect_uri = check_redirect_uri(client, parameters)
        except UnsafeRequest as refused:
            return error_page(refused.rule, language(request, chosen), 400)
        spoken = language(request, chosen)
        try:
            checked = check_authorization_request(parameters, client)
            started = await parts.starter.start(checked, client, spoken, asking_browser(request, parts))
        except OAuthError as error:
            return _back(parts, redirect_uri, error, parameters)
        except ShirushiError as error:
            _log.warning("login_not_started", reason=error.reason)
            unavailable = OAuthError("temporarily_unavailable", "try again shortly")
            return _back(parts, redirect_uri, unavailable, parameters)
        _log.info("login_started", login_id=started.stored.login_id.hex())
        response = see_other(f"/login/{started.page}")
        _set_cookie(parts, request, response, started.stored)
        return response

    return [Route(f"{OIDC}/auth", authorize, methods=["GET", "POST"], name="authorize")]


async def _parameters(request: Request) -> Parameters:
    if request.method != "POST":
        return read_parameters(request.scope["query_string"])
    if request.headers.get("content-type", "").split(";")[0].strip().lower() != _FORM:
        raise UnsafeRequest("request_unreadable")
    return read_parameters(await request.body())


def _back(parts: Parts, redirect_uri: str, error: OAuthError, parameters: Parameters) -> Response:
    answer = error_parameters(error, parts.issuer, answerable_state(parameters))
    return see_other(with_parameters(redirect_uri, answer))


def _set_cookie(parts: Parts, request: Request, response: Response, stored: Stored) -> None:
    for name in superfluous(list(login_cookies(request))):
        response.headers.append("set-cookie", f"{name}=; Max-Age=0; {_COOKIE}")
    key = parts.keys.token_key(stored.epoch)
    pair = f"{cookie_name(key, stored.login_id)}={cookie_value(key, stored.login_id)}"
    life = int(parts.hour.minutes(_COOKIE_MINUTES))
    response.headers.append("set-cookie", f"{pair}; Max-Age={life}; {_COOKIE}")
