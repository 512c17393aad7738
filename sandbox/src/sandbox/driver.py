"""Whole logins over the public surfaces, as browser, relying party and phone: the heart of `shirushi login` and the bench."""

import asyncio
import json
import ssl
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from functools import partial
from http import HTTPStatus
from itertools import cycle, islice
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlsplit

import aiohttp

from sandbox import cards
from sandbox.browser import Browser, BrowserError, Page
from sandbox.ca import authority
from sandbox.lean_rp import Attempt, LeanRp, RefusedError
from sandbox.patience import Away, patiently
from sandbox.phone.client import ApiError, Asked, Consent, Phone
from sandbox.phone.messages import ATTRIBUTE_NAMES, SheetError
from sandbox.phone.scan import ScanError, scan
from sandbox.phone.sealing_key import UntrustedKeyError, pinned_keys
from sandbox.rp.clients import BENCH

Transport = Literal["app_link", "qr"]
PATIENCE_SECONDS = 60.0
_TRY_AGAIN = "error=temporarily_unavailable"


@dataclass(frozen=True)
class Step:
    """One step of a login and how long it took."""

    name: str
    ms: float


@dataclass(frozen=True)
class LoginResult:
    """How a login ended.

    `outcome` is `completed`, the class of refusal that the relying party was told (`cancelled`, `card_not_accepted`,
    `could_not_be_checked`, `expired`), or `failed` when something did not work; `detail` then says what.
    """

    sub: str | None
    rp: str
    outcome: str
    steps: list[Step]
    detail: str | None = None
    claims: dict[str, Any] = field(default_factory=dict)


OnResult = Callable[[LoginResult], None]


@dataclass
class Stopwatch:
    """Collects the steps of one login."""

    steps: list[Step] = field(default_factory=list)

    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        """Times what is done inside."""
        began = time.perf_counter()
        try:
            yield
        finally:
            self.steps.append(Step(name, round((time.perf_counter() - began) * 1000, 2)))


class Driver:
    """Everything that logins share: connections, pinned keys, the app instance."""

    def __init__(self, session: aiohttp.ClientSession, addresses: dict[str, Any], scope: str = "openid") -> None:
        self._session = session
        self._addresses = addresses
        state = Path(addresses["state"])
        self.authority = authority.ensure(state)
        pinned = pinned_keys(Path(addresses["signers"]))
        self.phone = Phone(session, addresses["challenge"], pinned, self.authority.app_instance)
        self.lean_rp = LeanRp(session, addresses["issuer"], state, scope)

    async def log_in(self, chip: cards.Chip, rp: str, transport: Transport = "app_link") -> LoginResult:
        """One whole login of one person at one relying party; never raises what a login can run into."""
        watch, browser = Stopwatch(), Browser(self._session)
        try:
            login = self._at_bench if rp == BENCH else self._at_site
            claims = await asyncio.wait_for(login(browser, chip, rp, transport, watch), PATIENCE_SECONDS)
        except RefusedError as refused:
            return LoginResult(None, rp, refused.description or refused.error, watch.steps, refused.error)
        except (ApiError, BrowserError, ScanError, SheetError, UntrustedKeyError, cards.WrongPinError) as error:
            return LoginResult(None, rp, "failed", watch.steps, str(error))
        except (aiohttp.ClientError, Away, TimeoutError) as error:
            return LoginResult(None, rp, "failed", watch.steps, f"{type(error).__name__} {error}".strip())
        return LoginResult(claims["sub"], rp, "completed", watch.steps, claims=claims)

    async def _at_bench(
        self, browser: Browser, chip: cards.Chip, _: str, transport: Transport, watch: Stopwatch
    ) -> dict[str, Any]:
        attempt = Attempt()
        with watch.step("request"):
            page = await _asked(browser, self.lean_rp.authorization_url(attempt), self.lean_rp.is_redirect)
        response = await self._through(browser, page, chip, transport, watch, self.lean_rp.is_redirect)
        with watch.step("redeem"):
            claims: dict[str, Any] = await self.lean_rp.redeem(response, attempt)
            return claims

    async def _at_site(
        self, browser: Browser, chip: cards.Chip, rp: str, transport: Transport, watch: Stopwatch
    ) -> dict[str, Any]:
        site = self._addresses[rp]

        def is_callback(url: str) -> bool:
            return url.startswith(f"{site}/callback")

        with watch.step("request"):
            page = await _asked(browser, f"{site}/login", is_callback)
        response = await self._through(browser, page, chip, transport, watch, is_callback)
        with watch.step("redeem"):
            page = await browser.follow(response)
            if page.has("refused"):
                raise RefusedError(
                    page.attribute("refused", "data-error"), page.attribute("refused", "data-description")
                )
            account: dict[str, Any] = json.loads((await browser.get(f"{site}/me")).text)
        claims: dict[str, Any] = account["claims"]
        return claims | {"sub": account["sub"]}

    async def _through(
        self,
        browser: Browser,
        page: Page,
        chip: cards.Chip,
        transport: Transport,
        watch: Stopwatch,
        is_response: Callable[[str], bool],
    ) -> str:
        """From the login page to the authorization response; returns its address."""
        if page.location is not None:
            return page.location
        with watch.step("claim"):
            asked = await self.phone.claim(await self._link(browser, page, transport))
        with watch.step("answer"):
            await self._answer(asked, chip)
        with watch.step("redirect"):
            arrived = asked.sheet.return_uri if transport == "app_link" else page.target("next")
            return await _await_response(browser, arrived, is_response)

    async def _link(self, browser: Browser, page: Page, transport: Transport) -> str:
        if transport == "app_link":
            return page.attribute("app-link", "href")
        return scan((await browser.get(page.frame("qr"))).text)

    async def _answer(self, asked: Asked, chip: cards.Chip) -> None:
        agreed = [ATTRIBUTE_NAMES[entry.attribute] for entry in asked.sheet.asked]
        try:
            await self.phone.approve(asked, chip, Consent(chip.card.pin, agreed, chip.card.text_pin))
        except cards.PinBlockedError:
            await self.phone.cancel(asked, "pin_locked")


async def _asked(browser: Browser, url: str, is_response: Callable[[str], bool]) -> Page:
    """Asks for a login, again while the answer is "try again shortly", as a person would; returns where it led."""
    return await patiently(partial(browser.follow, url, is_response), _goes_on)


def _goes_on(page: Page) -> bool:
    return page.location is None or _TRY_AGAIN not in urlsplit(page.location).query.split("&")


async def _await_response(browser: Browser, url: str, is_response: Callable[[str], bool]) -> str:
    """Does what the waiting page's script does, until it leads on to the relying party."""
    while True:
        page = await browser.follow(url, is_response)
        if page.location is not None:
            return page.location
        url = await _next_address(browser, page) or url


async def _next_address(browser: Browser, page: Page) -> str | None:
    """Where a waiting page goes on, once the login has moved; None if the stream ended without saying."""
    if page.status >= HTTPStatus.BAD_REQUEST:
        raise BrowserError(f"The login stopped at a page with status {page.status}.")
    follow = page.follow()
    told = await browser.await_event(f"{follow}/events", "go")
    return f"{follow}/{told}" if told else None


@asynccontextmanager
async def connected(addresses: dict[str, Any], scope: str = "openid") -> AsyncIterator[Driver]:
    """A driver with its connections open."""
    tls = ssl.create_default_context(cafile=addresses["ca"])
    connector = aiohttp.TCPConnector(ssl=tls, limit=0, keepalive_timeout=30)
    timeout = aiohttp.ClientTimeout(total=PATIENCE_SECONDS)
    jar = aiohttp.DummyCookieJar()
    async with aiohttp.ClientSession(connector=connector, timeout=timeout, cookie_jar=jar) as session:
        yield Driver(session, addresses, scope)


def chips(driver: Driver, addresses: dict[str, Any], card: str | None, people: int | None) -> list[cards.Chip]:
    """The cards that are held to the phone, in turn: one test card, or synthetic people."""
    state = Path(addresses["state"])
    if people is not None:
        return list(cards.people(state, driver.authority, people))
    return [cards.load(state, card or "hanako")]


async def run_logins(
    addresses: dict[str, Any],
    *,
    card: str | None,
    people: int | None,
    rp: str,
    count: int,
    concurrency: int,
    on_result: OnResult | None = None,
    transport: Transport = "app_link",
) -> list[LoginResult]:
    """Runs `count` logins, `concurrency` at a time, and returns their results in the order of their ends.

    Raises:
        LookupError: There is no such card or relying party.
    """
    if rp != BENCH and rp not in {"city", "bank"}:
        raise LookupError("There is no sample site of this name; there are: city, bank.")
    results: list[LoginResult] = []
    async with connected(addresses) as driver:
        waiting = iter(islice(cycle(chips(driver, addresses, card, people)), count))

        async def work() -> None:
            for chip in waiting:
                result = await driver.log_in(chip, rp, transport)
                results.append(result)
                if on_result is not None:
                    on_result(result)

        async with asyncio.TaskGroup() as group:
            for _ in range(min(concurrency, count)):
                group.create_task(work())
    return results
