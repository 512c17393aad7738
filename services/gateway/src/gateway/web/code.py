"""The code that a person carries over: shown by another browser or by the phone, typed here."""

from kit.forms import parse_form
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from gateway.domain.errors import LoginRefused
from gateway.domain.opaque_token import seal_token
from gateway.web.opened import for_people, opened_page, see_other
from gateway.web.parts import Parts
from gateway.web.wait import code_page

_MAX_CODE = 64


def routes(parts: Parts) -> list[Route]:
    """Returns the route."""

    async def code(request: Request) -> Response:
        page = opened_page(parts, request)
        form = parse_form(await request.body(), max_fields=4, max_value=_MAX_CODE)
        stored = await parts.logins.find(page.login_id)
        try:
            await parts.collector.type_code(stored, form.get("code", ""))
        except LoginRefused as refused:
            status = 429 if refused.reason == "typed_code_spent" else 403
            return code_page(request, page, stored, refused.reason, status)
        returned = seal_token(parts.keys, "returned", stored.epoch, stored.login_id, b"")
        return see_other(f"/login/{returned}/wait")

    return [Route("/login/{ref}/code", for_people(code), methods=["POST"], name="code")]
