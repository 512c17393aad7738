"""The first page of a login: who asks for what, the app link, the QR code, and what to do next."""

import contextlib
from urllib.parse import quote

import msgspec
from kit.errors import ShirushiError
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from gateway.domain.login import State
from gateway.domain.ports import Changed, Gone, Stored
from gateway.domain.qr import QrSource
from gateway.domain.start_login import CHALLENGE_MINUTES
from gateway.pages import login_document, time_of_day
from gateway.web.asking import language
from gateway.web.opened import for_people, opened_page, see_other
from gateway.web.parts import Parts


def routes(parts: Parts) -> list[Route]:
    """Returns the route. The page stands still without scripts; only what lies behind it refreshes itself."""

    async def login_page(request: Request) -> Response:
        page = opened_page(parts, request)
        stored = await parts.logins.find(page.login_id)
        login = stored.login
        if stored.state is not State.WAITING:
            # Reloaded, or gone back to, after it was answered.
            return see_other(f"{page.path}/wait")
        spoken = language(request, login.language)
        if spoken != login.language:
            await _keep_language(parts, stored, spoken)
        test_card = None
        if parts.test_card_url and login.app_link:
            test_card = f"{parts.test_card_url}?link={quote(login.app_link, safe='')}"
        ends = login.requested_at + parts.hour.minutes(CHALLENGE_MINUTES)
        return login_document(
            "login.html",
            spoken,
            redirect_uri=login.redirect_uri,
            shown=login.shown,
            asked=login.asked,
            app_link=login.app_link,
            has_qr=QrSource.unpacked(page.token.payload) is not None,
            path=page.path,
            test_card=test_card,
            ends_at=time_of_day(ends),
        )

    return [Route("/login/{ref}", for_people(login_page), methods=["GET"], name="login_page")]


async def _keep_language(parts: Parts, stored: Stored, spoken: str) -> None:
    """Lets the pages that follow speak the language that the person has chosen on this one."""
    chosen = msgspec.structs.replace(stored.login, language=spoken)
    # Somebody else's change or an absent database leaves them in the language of the request, which harms nothing.
    with contextlib.suppress(Changed, Gone, ShirushiError):
        await parts.logins.change(stored, stored.state, chosen, due_at=stored.due_at)
