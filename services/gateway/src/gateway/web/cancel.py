"""The browser gives its login up."""

import contextlib

from kit.errors import ShirushiError
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from gateway.web.opened import for_people, opened_page
from gateway.web.parts import Parts
from gateway.web.wait import next_step


def routes(parts: Parts) -> list[Route]:
    """Returns the route."""

    async def cancel(request: Request) -> Response:
        page = opened_page(parts, request)
        stored = await parts.verdicts.give_up(page.login_id)
        with contextlib.suppress(ShirushiError):
            # So that the phone hears of it; the login itself takes no verdict any more, answered or not.
            await parts.challenges.withdraw(stored.login_id, stored.epoch)
        return await next_step(parts, request, page, stored)

    return [Route("/login/{ref}/cancel", for_people(cancel), methods=["POST"], name="cancel")]
