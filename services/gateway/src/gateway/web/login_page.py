"""The first page of a login: who asks for what, the app link, the QR code, and what to do next."""

from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from gateway.domain.login import State
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
        test_card = None
        if parts.test_card_url and login.app_link:
            test_card = f"{parts.test_card_url}?link={quote(login.app_link, safe='')}"
        ends = login.requested_at + parts.hour.minutes(CHALLENGE_MINUTES)
        return login_document(
            "login.html",
            language(request, login.language),
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
