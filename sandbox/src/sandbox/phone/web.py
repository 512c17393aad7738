"""The simulated phone as plain web pages: open a link, read who asks for what, choose a card, type its PIN, approve."""

import asyncio
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from secrets import token_urlsafe
from typing import Any
from urllib.parse import parse_qs

import aiohttp
from jinja2 import Environment, PackageLoader, StrictUndefined
from shirushi.evidence.v1 import evidence_pb2 as pb
from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse, RedirectResponse, Response
from starlette.routing import Route

from sandbox import cards
from sandbox.patience import Away
from sandbox.phone.client import ApiError, Asked, Consent, Phone
from sandbox.phone.link import MAX_LINK
from sandbox.phone.messages import ATTRIBUTE_NAMES, SheetError
from sandbox.phone.outcomes import BY_NAME, OUTCOMES
from sandbox.phone.sealing_key import UntrustedKeyError
from sandbox.phone.texts import ATTRIBUTES, HINTS, PROBLEMS, REASONS, Text

# A link's fragment never reaches a server: this hands it to the page that works without a script.
FORWARD = "location.replace('/test-card?link=' + encodeURIComponent(location.href));"
HEADERS = {
    # No form-action: browsers apply it to every redirect after a form, and this one leads over the gateway to a site whose
    # address may have any scheme (a developer's http://localhost, another app's own).
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'unsafe-inline'; img-src data:; script-src 'self'; frame-ancestors 'none'"
    ),
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-store",
}
MOST_ERRANDS = 1000
MAX_FORM = 8192


@dataclass
class Errand:
    """One claimed challenge in the hands of the person at this page."""

    asked: Asked
    outcome: str = ""
    deciding: asyncio.Lock = field(default_factory=asyncio.Lock)


@dataclass
class Pages:
    """The routes, the app behind them, and the cards with their PIN counters, which a restart resets."""

    phone: Phone
    state: Path
    errands: OrderedDict[str, Errand] = field(default_factory=OrderedDict)
    chips: dict[str, cards.Chip] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Prepares the templates."""
        loader = PackageLoader("sandbox.phone")
        self._templates = Environment(loader=loader, autoescape=True, undefined=StrictUndefined)

    def routes(self) -> list[Route]:
        """Every address of the phone."""
        return [
            Route("/", self.start),
            Route("/link", self.link),
            Route("/link.js", self.forward),
            Route("/test-card", self.open),
            Route("/asked/{errand}", self.show, methods=["GET"]),
            Route("/asked/{errand}", self.decide, methods=["POST"]),
            Route("/asked/{errand}/done", self.done),
            Route("/reset", self.reset, methods=["POST"]),
            Route("/livez", self.livez),
        ]

    async def start(self, request: Request) -> Response:
        """The app's first screen: paste a link."""
        return self._page(request, "start.html", cards=cards.CARDS)

    async def link(self, request: Request) -> Response:
        """Where app links and QR codes lead."""
        return self._page(request, "link.html")

    async def forward(self, _: Request) -> Response:
        """The one script."""
        return Response(FORWARD, media_type="text/javascript")

    async def open(self, request: Request) -> Response:
        """Claims the challenge behind a link; the page of its own address can then be reloaded."""
        text = request.query_params.get("link", "")[: MAX_LINK + 1]
        try:
            asked = await self.phone.claim(text)
        except ValueError:
            return self._problem(request, "not_a_link")
        except ApiError as error:
            return self._problem(request, error.code)
        except (SheetError, UntrustedKeyError):
            return self._problem(request, "altered")
        except (aiohttp.ClientError, Away, TimeoutError):
            return self._problem(request, "unreachable")
        identifier = token_urlsafe(16)
        self.errands[identifier] = Errand(asked)
        while len(self.errands) > MOST_ERRANDS:
            self.errands.popitem(last=False)
        return RedirectResponse(f"/asked/{identifier}?lang={_language(request)}", status_code=303)

    async def show(self, request: Request) -> Response:
        """Who asks for what; nothing has been said to anybody yet."""
        errand = self.errands.get(request.path_params["errand"])
        if errand is None:
            return self._problem(request, "challenge_unknown")
        if errand.outcome:
            return RedirectResponse(f"{request.url.path}/done", status_code=303)
        return self._ask(request, errand, {})

    async def decide(self, request: Request) -> Response:
        """The holder has pressed 認証 or 取消."""
        errand = self.errands.get(request.path_params["errand"])
        if errand is None:
            return self._problem(request, "challenge_unknown")
        body = await request.body()
        form = parse_qs(body[:MAX_FORM].decode("utf-8", "replace"), keep_blank_values=True)
        try:
            # Pressed twice it is decided once, and both presses lead on.
            async with errand.deciding:
                refusal = None if errand.outcome else await self._decide(errand, form)
            if refusal is not None:
                return self._ask(request, errand, form, refusal)
        except ApiError as error:
            return self._problem(request, error.code)
        except (aiohttp.ClientError, Away, TimeoutError):
            return self._problem(request, "unreachable")
        if errand.asked.transport == "app_link":
            return RedirectResponse(errand.asked.sheet.return_uri, status_code=303)
        return RedirectResponse(f"{request.url.path}/done?lang={_language(request)}", status_code=303)

    async def _decide(self, errand: Errand, form: Mapping[str, list[str]]) -> Text | None:
        if "cancel" in form:
            await self._cancel(errand, "declined")
            return None
        return await self._approve(errand, form)

    async def _cancel(self, errand: Errand, reason: str) -> None:
        await self.phone.cancel(errand.asked, reason)
        errand.outcome = "cancelled"

    async def _approve(self, errand: Errand, form: Mapping[str, list[str]]) -> Text | None:
        """Answers; or returns what to tell the holder, who may try again."""
        chip = self._chip(form.get("card", ["hanako"])[0])
        outcome = BY_NAME.get(form.get("outcome", ["ok"])[0])
        if chip is None or outcome is None:
            return PROBLEMS["malformed_request"]
        if outcome.cancel is not None:
            await self._cancel(errand, outcome.cancel)
            return None
        consent = Consent(form.get("pin", [""])[0], form.get("agree", []), form.get("text_pin", [""])[0])
        asked = {ATTRIBUTE_NAMES[entry.attribute] for entry in errand.asked.sheet.asked}
        if not asked.issuperset(consent.agreed):
            return PROBLEMS["malformed_request"]
        try:
            await self.phone.approve(errand.asked, chip, consent, outcome.tamper)
        except cards.WrongPinError as error:
            left = error.tries_left
            return (f"暗証番号が違います。あと {left} 回です。", f"Wrong PIN. {left} more tries.")
        except cards.PinBlockedError:
            await self._cancel(errand, "pin_locked")
            return None
        errand.outcome = "answered"
        return None

    async def done(self, request: Request) -> Response:
        """How it went on: the only place where the exact reason of a refusal is shown."""
        errand = self.errands.get(request.path_params["errand"])
        if errand is None:
            return self._problem(request, "challenge_unknown")
        state, reason = errand.outcome, None
        try:
            status = await self.phone.status(errand.asked)
            state, reason = status.state, status.reason
        except (ApiError, aiohttp.ClientError, Away, TimeoutError, ValueError):
            # The phone may ask until the verdict was due; afterwards what it knows itself must do.
            pass
        text = REASONS.get(reason, (reason, reason)) if reason else None
        again = errand.outcome == "answered" and state not in {"refused", "cancelled", "expired"}
        return self._page(request, "done.html", errand=errand, state=state, reason=text, again=again)

    async def reset(self, _: Request) -> Response:
        """Gives every card its tries back."""
        self.chips.clear()
        return RedirectResponse("/", status_code=303)

    async def livez(self, _: Request) -> Response:
        """The process serves."""
        return PlainTextResponse("ok\n")

    def _chip(self, name: str) -> cards.Chip | None:
        if name not in cards.NAMES:
            return None
        if name not in self.chips:
            self.chips[name] = cards.load(self.state, name)
        return self.chips[name]

    def _ask(
        self, request: Request, errand: Errand, form: Mapping[str, list[str]], refusal: Text | None = None
    ) -> HTMLResponse:
        sheet = errand.asked.sheet
        attributes = [
            (ATTRIBUTE_NAMES[entry.attribute], ATTRIBUTES[ATTRIBUTE_NAMES[entry.attribute]], entry.essential)
            for entry in sheet.asked
        ]
        return self._page(
            request,
            "asked.html",
            200 if refusal is None else 422,
            sheet=sheet,
            attributes=attributes,
            agreed=form.get("agree", []) if form else [name for name, _, essential in attributes if essential],
            hint=HINTS.get(errand.asked.network_hint, HINTS["unknown"]),
            signature=sheet.pin == pb.CERTIFICATE_KIND_SIGNATURE,
            cards=cards.CARDS,
            chosen=form.get("card", ["hanako"])[0],
            outcomes=OUTCOMES,
            outcome=form.get("outcome", ["ok"])[0],
            refusal=refusal,
        )

    def _problem(self, request: Request, code: str) -> HTMLResponse:
        text = PROBLEMS.get(code, PROBLEMS["unknown"])
        return self._page(request, "problem.html", 400, code=code, text=text)

    def _page(self, request: Request, template: str, status: int = 200, **values: Any) -> HTMLResponse:
        language = _language(request)

        def say(text: Text) -> str:
            return text[language == "en"]

        content = self._templates.get_template(template).render(say=say, language=language, **values)
        return HTMLResponse(content, status, HEADERS | {"Content-Language": language})


def _language(request: Request) -> str:
    """`ja` unless the address or the browser prefers English."""
    asked = request.query_params.get("lang")
    if asked in {"ja", "en"}:
        return asked
    return "en" if request.headers.get("accept-language", "").lower().startswith("en") else "ja"
