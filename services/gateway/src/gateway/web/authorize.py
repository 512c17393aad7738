"""The authorization endpoint (OpenID Connect Core §3.1.2): an accepted request becomes the login page."""

from urllib.parse import quote

from kit.encoding import b64u
from kit.errors import ShirushiError
from kit.forms import FormError, parse_query
from kit.log import get_logger
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from gateway.domain.authorization_request import check_authorization_request, check_client, language_of
from gateway.domain.client import Client
from gateway.domain.errors import OAuthError, UnsafeRequest
from gateway.domain.redirect_uri import check_redirect_uri, with_parameters
from gateway.domain.start_login import StartedLogin, cookie_name
from gateway.pages import error_page, page
from gateway.problems import error_parameters
from gateway.web.asking import MAX_COOKIES, asking_browser, language, login_cookies
from gateway.web.parts import OIDC, Parts

MAX_PARAMETER = 2048
_FORM = "application/x-www-form-urlencoded"
_log = get_logger()


def routes(parts: Parts) -> list[Route]:
    """Returns the route; GET and POST mean the same (OpenID Connect Core §3.1.2.1)."""

    async def authorize(request: Request) -> Response:
        asked_language = language(request)
        try:
            parameters = await _parameters(request)
        except FormError:
            return error_page("request_unreadable", asked_language, 400)
        asked_language = language(request, language_of(parameters.get("ui_locales"), None))
        try:
            client = check_client(parameters, parts.clients.find)
            redirect_uri = check_redirect_uri(client, parameters.get("redirect_uri"))
        except UnsafeRequest as refused:
            return error_page(refused.rule, asked_language, 400)
        try:
            checked = check_authorization_request(parameters, client)
            started = await parts.starter.start(checked, client, asked_language, asking_browser(request, parts))
        except OAuthError as error:
            return _back(redirect_uri, error, parts, parameters.get("state"))
        except ShirushiError as error:
            _log.warning("login_not_started", reason=error.reason)
            unavailable = OAuthError("temporarily_unavailable", "try again shortly")
            return _back(redirect_uri, unavailable, parts, parameters.get("state"))
        _log.info("login_started", login_id=started.stored.login_id.hex())
        return _login_page(request, parts, client, started, asked_language)

    return [Route(f"{OIDC}/auth", authorize, methods=["GET", "POST"])]


async def _parameters(request: Request) -> dict[str, str]:
    if request.method == "POST":
        if request.headers.get("content-type", "").split(";")[0].strip().lower() != _FORM:
            raise FormError("not_utf8")
        return parse_query(await request.body(), max_value=MAX_PARAMETER)
    return parse_query(request.scope["query_string"], max_value=MAX_PARAMETER)


def _back(redirect_uri: str, error: OAuthError, parts: Parts, state: str | None) -> Response:
    # A state that broke a rule of its own is not sent back: it may not be text.
    kept = state if state is not None and state.isascii() and state.isprintable() else None
    return RedirectResponse(
        with_parameters(redirect_uri, error_parameters(error, parts.issuer, kept)),
        303,
        headers={"cache-control": "no-store", "referrer-policy": "no-referrer"},
    )


def _login_page(
    request: Request, parts: Parts, client: Client, started: StartedLogin, asked_language: str
) -> Response:
    shown = started.stored.login.shown
    test_card = None
    if parts.test_card_url and started.app_link:
        test_card = f"{parts.test_card_url}?link={quote(started.app_link, safe='')}"
    response = page(
        "login.html",
        asked_language,
        rp_name=client.shown_name(asked_language),
        purpose=shown.purpose,
        origin=shown.origin,
        asked=[name for name, _ in shown.asked],
        app_link=started.app_link,
        qr_path=f"/login/{started.qr}/qr" if started.qr else None,
        page_path=f"/login/{started.page}",
        test_card=test_card,
    )
    _set_cookie(request, response, parts, started)
    return response


def _set_cookie(request: Request, response: Response, parts: Parts, started: StartedLogin) -> None:
    attributes = "Path=/; Secure; HttpOnly; SameSite=Lax"
    held = list(login_cookies(request))
    for name in held[: max(0, len(held) - MAX_COOKIES + 1)]:
        response.headers.append("set-cookie", f"{name}=; Max-Age=0; {attributes}")
    name = cookie_name(started.stored.login_id)
    life = int(parts.hour.minutes(52))
    value = b64u(started.cookie_secret)
    response.headers.append("set-cookie", f"{name}={value}; Max-Age={life}; {attributes}")
