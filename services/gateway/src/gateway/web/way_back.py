"""The app's way back: only this visit, together with the cookie, completes a login by app link."""

from kit.forms import parse_query
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from gateway.domain.login import State
from gateway.domain.opaque_token import open_token, seal_token
from gateway.domain.ports import Gone
from gateway.domain.typed_code import typed_code
from gateway.pages import document
from gateway.web.asking import language
from gateway.web.opened import OpenedPage, for_people, is_asking_browser
from gateway.web.parts import Parts
from gateway.web.wait import next_step

_MAX_CODE = 512


def routes(parts: Parts) -> list[Route]:
    """Returns the route."""

    async def way_back(request: Request) -> Response:
        query = parse_query(request.scope["query_string"], max_fields=4, max_value=_MAX_CODE)
        token = open_token(parts.keys, "return", query.get("c", ""))
        stored = await parts.logins.find(token.login_id)
        if not is_asking_browser(parts, request, token):
            if stored.state not in (State.WAITING, State.VERIFIED):
                raise Gone
            # Another browser than the one that started: it may be the holder's other one, and it may be that the link
            # was sent to them. Who carries the code over decides; nothing happens by itself.
            code = typed_code(parts.keys.token_key(token.epoch), token.login_id)
            spoken = language(request, stored.login.language)
            return document("other_browser.html", spoken, code=code, rp_name=stored.login.shown.rp_name)
        ref = seal_token(parts.keys, "returned", token.epoch, token.login_id, b"")
        page = OpenedPage(token, ref, returned=True)
        return await next_step(parts, request, page, stored)

    return [Route("/return", for_people(way_back), methods=["GET"], name="way_back")]
