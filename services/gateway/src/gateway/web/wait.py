"""The waiting page, and collecting: where the login stands, or on to the relying party."""

import asyncio

from kit.http import is_gone
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from gateway.domain.errors import LoginRefused
from gateway.domain.login import State
from gateway.domain.ports import Stored
from gateway.pages import login_document
from gateway.waiting import Progress
from gateway.web.asking import language
from gateway.web.opened import OpenedPage, for_people, opened_page, see_other
from gateway.web.parts import Parts

# After the phone has answered the verdict is some hundredths of a second away: the answer waits for it rather than
# sending the browser round. Longer would keep people without scripts from seeing a page.
HOLD_SECONDS = 1.0


def routes(parts: Parts) -> list[Route]:
    """Returns the routes; both do the same, and only the address says what the caller expects."""

    async def wait(request: Request) -> Response:
        page = opened_page(parts, request)
        return await next_step(parts, request, page, await parts.logins.find(page.login_id))

    handler = for_people(wait)
    return [
        Route("/login/{ref}/wait", handler, methods=["GET"], name="wait"),
        Route("/login/{ref}/collect", handler, methods=["GET"], name="collect"),
    ]


async def next_step(parts: Parts, request: Request, page: OpenedPage, stored: Stored) -> Response:
    """Sends the browser on where its login is ready, or shows what it waits for."""
    answered = page.returned or parts.waiting.progress(page.login_id) is Progress.CLAIMED
    if stored.state is State.WAITING and answered:
        stored = await _held(parts, stored)
    if stored.state is State.WAITING:
        return waiting_page(parts, request, page, stored)
    try:
        target = await parts.collector.collect(stored, returned=page.returned)
        if is_gone(request.scope):
            parts.collector.unheard.note(stored.login_id)
        return see_other(target)
    except LoginRefused as refused:
        if refused.reason == "needs_return":
            return code_page(request, page, stored)
        if refused.reason == "not_ready":
            return waiting_page(parts, request, page, stored)
        raise


async def _held(parts: Parts, stored: Stored) -> Stored:
    """Waits a moment for the verdict; returns the login as it is then."""
    changed = parts.waiting.enter(stored.login_id)
    try:
        async with asyncio.timeout(HOLD_SECONDS):
            while True:
                # Read after entering, so that what happens in between is not missed; progress alone is no verdict.
                stored = await parts.logins.find(stored.login_id)
                if stored.state is not State.WAITING:
                    return stored
                await changed.wait()
                changed.clear()
    except TimeoutError:
        return stored
    finally:
        parts.waiting.leave(stored.login_id, changed)


def waiting_page(parts: Parts, request: Request, page: OpenedPage, stored: Stored) -> Response:
    """Returns the page that refreshes itself until there is something to go on with."""
    return login_document(
        "wait.html",
        language(request, stored.login.language),
        redirect_uri=stored.login.redirect_uri,
        shown=stored.login.shown,
        path=page.path,
        progress=progress_shown(parts, page).value,
    )


def progress_shown(parts: Parts, page: OpenedPage) -> Progress:
    """Returns what to tell of a login without an outcome: who has come back from the app has done all there is to do."""
    progress = parts.waiting.progress(page.login_id)
    return Progress.ANSWERED if page.returned and progress is not Progress.DELAYED else progress


def code_page(request: Request, page: OpenedPage, stored: Stored, problem: str = "", status: int = 200) -> Response:
    """Returns the page that asks for the app's way back, or for the code that another browser or the phone shows."""
    return login_document(
        "code.html",
        language(request, stored.login.language),
        status,
        redirect_uri=stored.login.redirect_uri,
        shown=stored.login.shown,
        path=page.path,
        by_app=stored.login.verified is not None and stored.login.verified.transport == "app_link",
        problem=problem,
    )
