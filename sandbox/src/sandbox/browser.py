"""A browser without scripts, as far as a login needs one: redirects, cookies, links of a page."""

import re
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from html import unescape
from http import HTTPStatus
from urllib.parse import urljoin

import aiohttp

from sandbox.patience import AWAY, Away, patiently

USER_AGENT = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/141.0 Safari/537.36"
MOST_REDIRECTS = 12
_HEADERS = {"User-Agent": USER_AGENT, "Accept-Language": "ja,en;q=0.5", "Accept": "text/html"}
_TAG = r"<[^<>]*\b{attribute}=\"{value}\"[^<>]*>"


class BrowserError(Exception):
    """A page did not hold what a person would look for on it."""


@dataclass(frozen=True)
class Page:
    """What a request ended in."""

    url: str
    status: int
    text: str
    location: str | None = None

    def attribute(self, identifier: str, name: str) -> str:
        """An attribute of the element with this id, such as the target of a link.

        Raises:
            BrowserError: There is no such element, or it has no such attribute.
        """
        tag = re.search(_TAG.format(attribute="id", value=re.escape(identifier)), self.text)
        found = re.search(rf'\b{name}="([^"]*)"', tag.group()) if tag else None
        if found is None:
            raise BrowserError(f"The page has no {identifier} with {name}.")
        return unescape(found.group(1))

    def has(self, identifier: str) -> bool:
        """Whether an element with this id stands on the page."""
        return f'id="{identifier}"' in self.text

    def target(self, identifier: str) -> str:
        """Where a link leads."""
        return urljoin(self.url, self.attribute(identifier, "href"))

    def frame(self, name: str) -> str:
        """The address of the frame of this class."""
        return urljoin(self.url, self._only(rf'<iframe class="{re.escape(name)}" src="([^"]*)"', name))

    def follow(self) -> str:
        """Below which address the page's script follows the login."""
        return urljoin(self.url, self._only(r'\bdata-follow="([^"]*)"', "login to follow"))

    def _only(self, pattern: str, what: str) -> str:
        found = re.search(pattern, self.text)
        if found is None:
            raise BrowserError(f"The page has no {what}.")
        return unescape(found.group(1))


class Browser:
    """One person's browser: its own cookies on a shared pool of connections.

    Everything in the sandbox is on localhost, whose cookies go to every port, as they would in a real browser.
    """

    def __init__(self, session: aiohttp.ClientSession) -> None:
        self._session = session
        self._cookies: dict[str, str] = {}

    async def get(self, url: str) -> Page:
        """One request, no redirect followed; reloaded while the server is away."""
        return await patiently(partial(self._get_once, url))

    async def _get_once(self, url: str) -> Page:
        async with self._session.get(url, headers=self._headers(), allow_redirects=False) as response:
            for cookie in response.headers.getall("Set-Cookie", ()):
                self._keep(cookie)
            if response.status in AWAY:
                raise Away
            if HTTPStatus.MULTIPLE_CHOICES <= response.status < HTTPStatus.BAD_REQUEST:
                return Page(url, response.status, "", urljoin(url, response.headers["Location"]))
            return Page(url, response.status, await response.text())

    async def follow(self, url: str, stop: Callable[[str], bool] | None = None) -> Page:
        """Follows redirects to a page, or to the first address at which to stop, which is not fetched.

        Raises:
            BrowserError: The redirects do not end.
        """
        for _ in range(MOST_REDIRECTS):
            page = await self.get(url)
            if page.location is None or (stop is not None and stop(page.location)):
                return page
            url = page.location
        raise BrowserError("The redirects do not end.")

    async def await_event(self, url: str, name: str) -> str | None:
        """Waits on a stream of server-sent events for the first of this name; None if the stream ends before."""
        # The server may go away at any time: the page is loaded again then.
        with suppress(aiohttp.ClientConnectionError, aiohttp.ClientPayloadError):
            async with self._session.get(url, headers=self._headers()) as response:
                event = "message"
                async for line in response.content:
                    field, _, value = line.decode().strip().partition(":")
                    if field == "event":
                        event = value.strip()
                    elif field == "data" and event == name:
                        return value.strip()
        return None

    def _headers(self) -> dict[str, str]:
        if not self._cookies:
            return _HEADERS
        return _HEADERS | {"Cookie": "; ".join(f"{name}={value}" for name, value in self._cookies.items())}

    def _keep(self, cookie: str) -> None:
        pair, _, attributes = cookie.partition(";")
        name, _, value = pair.partition("=")
        if "max-age=0" in attributes.lower():
            self._cookies.pop(name.strip(), None)
        else:
            self._cookies[name.strip()] = value.strip()
