"""How every page of a login begins: which login its address names, and that this browser asked for it."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from kit.custody import KeyGone
from kit.errors import ShirushiError
from kit.forms import FormError
from kit.log import get_logger
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from gateway.domain.cookie import cookie_name, is_cookie_of
from gateway.domain.errors import LoginRefused
from gateway.domain.opaque_token import OpenedToken, TokenInvalid, open_token
from gateway.domain.ports import Gone
from gateway.pages import error_page
from gateway.web.asking import language, login_cookies
from gateway.web.parts import Parts

Handler = Callable[[Request], Awaitable[Response]]
_STATUS = {
    "gone": 410,
    "wrong_browser": 403,
    "already_collected": 409,
}
_REDIRECT_HEADERS = {"cache-control": "no-store", "referrer-policy": "no-referrer"}
_log = get_logger()


@dataclass(frozen=True, slots=True)
class OpenedPage:
    """The login that a page's address names; `returned` once the app's way back or the typed code was here."""

    token: OpenedToken
    ref: str
    returned: bool

    @property
    def login_id(self) -> bytes:
        """Returns the login's id."""
        return self.token.login_id

    @property
    def path(self) -> str:
        """Returns the address of the login's pages."""
        return f"/login/{self.ref}"


def opened_page(parts: Parts, request: Request) -> OpenedPage:
    """Opens the address of a page and checks the browser; reads no store.

    Raises:
        TokenInvalid, KeyGone: it names no login, or none any more.
        LoginRefused: wrong_browser.
    """
    ref = request.path_params["ref"]
    try:
        page = OpenedPage(open_token(parts.keys, "page", ref), ref, returned=False)
    except TokenInvalid:
        page = OpenedPage(open_token(parts.keys, "returned", ref), ref, returned=True)
    if not is_asking_browser(parts, request, page.token):
        raise LoginRefused("wrong_browser")
    return page


def is_asking_browser(parts: Parts, request: Request, token: OpenedToken) -> bool:
    """Tells whether the request comes from the browser that asked for the login."""
    key = parts.keys.token_key(token.epoch)
    value = login_cookies(request).get(cookie_name(key, token.login_id))
    return value is not None and is_cookie_of(key, token.login_id, value)


def see_other(location: str) -> Response:
    """Returns a redirect that leaves no address of ours behind (RFC 9110 §15.4.4)."""
    return RedirectResponse(location, 303, headers=_REDIRECT_HEADERS)


def for_people(handler: Handler, shown: Callable[[str, str, int], Response] = error_page) -> Handler:
    """Wraps a page so that what cannot go on is told to the person in their language.

    Args:
        handler: the page.
        shown: makes the answer of a reason, a language and a status.
    """

    async def wrapped(request: Request) -> Response:
        try:
            return await handler(request)
        except (TokenInvalid, Gone, KeyGone):
            reason = "gone"
        except LoginRefused as refused:
            reason = refused.reason
        except FormError:
            reason = "request_unreadable"
        except ShirushiError as error:
            _log.warning("page_unavailable", reason=error.reason)
            response = shown("unavailable", language(request), 503)
            response.headers["retry-after"] = "2"
            return response
        return shown(reason, language(request), _STATUS.get(reason, 400))

    return wrapped
