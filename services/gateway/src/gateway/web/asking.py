"""What routes read of a request besides its parameters: language, browser, address, the cookies of logins."""

from starlette.requests import Request

from gateway.domain.authorization_request import language_of
from gateway.domain.browser import browser_of
from gateway.domain.cookie import PREFIX
from gateway.domain.network import network_digest
from gateway.domain.start_login import AskingBrowser
from gateway.web.parts import Parts

_MAX_HEADER = 8192
_LANGUAGES = ("ja", "en")


def language(request: Request, chosen: str | None = None) -> str:
    """Returns ja or en: what the person chose on the page, then `chosen`, then the browser's wish, then Japanese."""
    asked = request.query_params.get("lang")
    if asked in _LANGUAGES:
        return asked
    return chosen or language_of(None, request.headers.get("accept-language")) or "ja"


def asking_browser(request: Request, parts: Parts) -> AskingBrowser:
    """Returns what is used of the browser, and forgets the rest."""
    family, system = browser_of(request.headers.get("user-agent", ""))
    return AskingBrowser(family, system, network_digest(_address(request, parts.forwarded_hops), parts.network_key))


def login_cookies(request: Request) -> dict[str, str]:
    """Returns the cookies of logins in the order in which the browser sent them: the oldest first (RFC 6265 §5.4)."""
    header = request.headers.get("cookie", "")[:_MAX_HEADER]
    cookies: dict[str, str] = {}
    if PREFIX in header:
        for pair in header.split(";"):
            name, _, value = pair.strip().partition("=")
            if name.startswith(PREFIX):
                cookies.setdefault(name, value)
    return cookies


def _address(request: Request, forwarded_hops: int) -> str:
    """Returns the browser's address as text, possibly empty or nonsense: it serves a hint only and is never kept.

    Each proxy appends the address that it saw to X-Forwarded-For, so with n trusted proxies the n-th entry from the
    right is the last one that a stranger could not have written.
    """
    if forwarded_hops == 0:
        return request.client.host if request.client else ""
    line = ",".join(request.headers.getlist("x-forwarded-for"))
    if len(line) > _MAX_HEADER:
        return ""
    entries = [entry.strip() for entry in line.split(",")]
    return entries[-forwarded_hops] if len(entries) >= forwarded_hops else ""
