"""What routes read of a request besides its parameters: language, browser, address, the cookies of logins."""

from kit.encoding import unb64u
from starlette.requests import Request

from gateway.domain.authorization_request import language_of
from gateway.domain.browser import browser_of
from gateway.domain.network import network_digest
from gateway.domain.opaque_token import SECRET_BYTES
from gateway.domain.start_login import AskingBrowser, cookie_name
from gateway.web.parts import Parts

COOKIE_PREFIX = "__Host-login-"
MAX_COOKIES = 5
_MAX_COOKIE_HEADER = 8192


def language(request: Request, asked: str | None = None) -> str:
    """Returns ja or en; Japanese where nobody says otherwise."""
    return asked or language_of(None, request.headers.get("accept-language")) or "ja"


def asking_browser(request: Request, parts: Parts) -> AskingBrowser:
    """Returns what is used of the browser, and forgets the rest."""
    family, system = browser_of(request.headers.get("user-agent", ""))
    return AskingBrowser(family, system, network_digest(_address(request, parts), parts.network_key))


def login_cookies(request: Request) -> dict[str, str]:
    """Returns the cookies of logins in the order in which the browser sent them: the oldest first (RFC 6265 §5.4)."""
    header = request.headers.get("cookie", "")[:_MAX_COOKIE_HEADER]
    cookies: dict[str, str] = {}
    for pair in header.split(";"):
        name, _, value = pair.strip().partition("=")
        if name.startswith(COOKIE_PREFIX):
            cookies.setdefault(name, value)
    return cookies


def cookie_secret(request: Request, login_id: bytes) -> bytes | None:
    """Returns the secret of a login's cookie, or None when this browser has none."""
    value = login_cookies(request).get(cookie_name(login_id))
    if value is None:
        return None
    try:
        return unb64u(value, max_bytes=SECRET_BYTES)
    except ValueError:
        return None


def _address(request: Request, parts: Parts) -> str:
    forwarded = request.headers.get("x-forwarded-for", "")
    if parts.trusted_proxies and forwarded:
        # Each proxy of ours appends what it saw; what the client wrote itself stands further left.
        hops = [hop.strip() for hop in forwarded.split(",")]
        return hops[-min(parts.trusted_proxies, len(hops))]
    return request.client.host if request.client else ""
