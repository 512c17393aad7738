"""The login's progress as server-sent events (WHATWG HTML §9.2); any replica can serve it."""

import asyncio
from collections.abc import AsyncIterator

from kit.custody import KeyGone
from kit.errors import Unavailable
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from gateway.domain.login import State
from gateway.domain.ports import Gone
from gateway.web.opened import OpenedPage, for_people, opened_page
from gateway.web.parts import Parts
from gateway.web.wait import progress_shown

# Ended from time to time, so that connections spread over replicas; the browser connects again by itself.
STREAM_SECONDS = 120.0
# How long the news of another replica may get lost without anybody noticing.
LOOK_AGAIN_SECONDS = 5.0
_HEADERS = {"cache-control": "no-store", "x-accel-buffering": "no"}


def routes(parts: Parts) -> list[Route]:
    """Returns the route."""

    async def follow(request: Request) -> Response:
        page = opened_page(parts, request)
        await parts.logins.find(page.login_id)
        stopping: asyncio.Event = request.scope["state"]["stopping"]
        return StreamingResponse(_news(parts, page, stopping), media_type="text/event-stream", headers=_HEADERS)

    return [Route("/login/{ref}/events", for_people(follow), methods=["GET"], name="events")]


async def _news(parts: Parts, page: OpenedPage, stopping: asyncio.Event) -> AsyncIterator[bytes]:
    loop = asyncio.get_running_loop()
    ends = loop.time() + STREAM_SECONDS
    changed = parts.waiting.enter(page.login_id)
    told = ""
    fresh = False
    try:
        yield b"retry: 1000\n\n"
        while loop.time() < ends and not stopping.is_set():
            # Cleared before looking, so that what happens while looking is seen in the next round.
            changed.clear()
            target = await _target(parts, page, fresh=fresh)
            if target is not None:
                yield _event("go", target)
                return
            progress = progress_shown(parts, page).value
            # The same news again is a comment that keeps the connection alive.
            yield _event("progress", progress) if progress != told else b": still\n\n"
            told = progress
            fresh = not await _heard(changed, stopping)
    except (Gone, KeyGone):
        yield _event("go", "wait")
    except Unavailable:
        return
    finally:
        parts.waiting.leave(page.login_id, changed)


async def _target(parts: Parts, page: OpenedPage, *, fresh: bool) -> str | None:
    """Returns which of the login's pages to go to, or None while nothing is decided."""
    stored = await parts.logins.find(page.login_id, fresh=fresh)
    if stored.state is State.WAITING:
        return None
    if stored.state is State.VERIFIED and not page.returned and parts.collector.needs_return(stored.login):
        return "wait"
    return "collect"


async def _heard(changed: asyncio.Event, stopping: asyncio.Event) -> bool:
    """Waits for news; False when it was only time to look again."""
    waits = [asyncio.ensure_future(changed.wait()), asyncio.ensure_future(stopping.wait())]
    try:
        done, _ = await asyncio.wait(waits, timeout=LOOK_AGAIN_SECONDS, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for wait in waits:
            wait.cancel()
    return bool(done)


def _event(name: str, value: str) -> bytes:
    return f"event: {name}\ndata: {value}\n\n".encode("ascii")
