"""The QR frame: the code of this moment, in a frame that refreshes itself; reads no store."""

from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from gateway.domain.errors import LoginRefused
from gateway.domain.qr import QrSource
from gateway.pages import frame_note, qr_frame
from gateway.web.asking import language
from gateway.web.opened import for_people, opened_page
from gateway.web.parts import Parts

_AGAIN_SECONDS = 5


def routes(parts: Parts) -> list[Route]:
    """Returns the route."""

    async def qr(request: Request) -> Response:
        page = opened_page(parts, request)
        source = QrSource.unpacked(page.token.payload)
        if source is None:
            raise LoginRefused("not_found")
        step = parts.qr_step_seconds
        content = source.link(parts.starter.app_link_base, parts.clock.now(), step)
        # Where no camera is at hand a click does what scanning does, in the sandbox only.
        click = f"{parts.test_card_url}?link={quote(content, safe='')}" if parts.test_card_url else None
        return qr_frame(content, language(request), refresh=step, click=click)

    return [Route("/login/{ref}/qr", for_people(qr, _in_frame), methods=["GET"], name="qr")]


def _in_frame(reason: str, language: str, status: int) -> Response:
    """A frame that holds anything but a document of ours stays as it is: no browser shows a page there that forbids it."""
    return frame_note(reason, language, status, refresh=_AGAIN_SECONDS if reason == "unavailable" else None)
