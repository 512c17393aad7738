"""The pages of a login that is under way: QR frame, waiting page, live events, code to type, collecting, cancelling."""

import asyncio
import contextlib
from collections.abc import AsyncIterator

from kit.custody import KeyGone
from kit.errors import ShirushiError, Unavailable
from kit.forms import FormError, parse_form
from kit.log import get_logger
from shirushi.verifier.v1 import events_pb2 as verifier
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response, StreamingResponse
from starlette.routing import Route

from gateway.domain.errors import LoginRefused
from gateway.domain.login import State
from gateway.domain.opaque_token import TokenInvalid, open_token, seal_token
from gateway.domain.ports import Gone, Stored
from gateway.domain.qr import link, qr_token
from gateway.pages import FRAME_HEADERS, error_page, page, qr_svg
from gateway.web.asking import cookie_secret, language
from gateway.web.parts import Parts

EVENTS_SECONDS = 60.0
KEEP_ALIVE_SECONDS = 15.0
_HANDLE_BYTES = 16
_QR_SECRET_BYTES = 32
_STATUS = {"wrong_browser": 403, "gone": 410, "already_collected": 409, "not_ready": 409, "typed_code_spent": 429}
_REDIRECT_HEADERS = {"cache-control": "no-store", "referrer-policy": "no-referrer"}
_log = get_logger()


class LoginPages:
    """The routes below /login/{ref}."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts

    def routes(self) -> list[Route]:
        """Returns the routes."""
        return [
            Route("/login/{ref}/qr", self._shown(self.qr), methods=["GET"]),
            Route("/login/{ref}/wait", self._shown(self.wait), methods=["GET"]),
            Route("/login/{ref}/events", self._shown(self.events), methods=["GET"]),
            Route("/login/{ref}/code", self._shown(self.code), methods=["POST"]),
            Route("/login/{ref}/collect", self._shown(self.collect), methods=["GET"]),
            Route("/login/{ref}/cancel", self._shown(self.cancel), methods=["POST"]),
        ]

    async def qr(self, request: Request) -> Response:
        """Shows the QR code of this moment, in a frame that refreshes itself; reads no store."""
        parts = self._parts
        token = open_token(parts.keys, "qr", request.path_params["ref"])
        handle = token.payload[:_HANDLE_BYTES]
        secret = token.payload[_HANDLE_BYTES : _HANDLE_BYTES + _QR_SECRET_BYTES]
        key = token.payload[_HANDLE_BYTES + _QR_SECRET_BYTES :]
        content = link(parts.starter.app_link_base, qr_token(handle, secret, parts.clock.now()), key)
        return page("qr.html", language(request), headers=FRAME_HEADERS, svg=qr_svg(content))

    async def wait(self, request: Request) -> Response:
        """Shows where the login stands, or collects it when it is ready."""
        stored, returned = await self._login(request)
        return await self._next(request, stored, returned=returned)

    async def collect(self, request: Request) -> Response:
        """Sends the browser to the relying party."""
        stored, returned = await self._login(request)
        return await self._next(request, stored, returned=returned)

    async def code(self, request: Request) -> Response:
        """Takes the code that another browser or the phone shows."""
        stored, _ = await self._login(request)
        form = parse_form(await request.body(), max_fields=4, max_value=64)
        try:
            await self._parts.collector.type_code(stored, form.get("code", ""))
        except LoginRefused as refused:
            if refused.reason == "typed_code_wrong":
                return self._ask_for_code(request, "code_wrong", 403)
            raise
        ref = seal_token(self._parts.keys, "returned", stored.epoch, stored.login_id, b"")
        return RedirectResponse(f"/login/{ref}/wait", 303, headers=_REDIRECT_HEADERS)

    async def cancel(self, request: Request) -> Response:
        """Gives the login up for this browser; what has been answered in time is no longer collected."""
        stored, returned = await self._login(request)
        if stored.state is State.WAITING:
            with contextlib.suppress(ShirushiError):
                await self._parts.challenges.withdraw(stored.login_id, stored.epoch)
            await self._parts.verdicts.refuse(stored.login_id, verifier.REASON_CANCELLED_BY_BROWSER)
            stored = await self._parts.logins.find(stored.login_id)
        return await self._next(request, stored, returned=returned)

    async def events(self, request: Request) -> Response:
        """Follows the login by server-sent events; any replica can serve it."""
        stored, returned = await self._login(request)
        stream = self._follow(stored, request.scope["state"]["stopping"], returned=returned)
        return StreamingResponse(
            stream, media_type="text/event-stream", headers={"cache-control": "no-store", "x-accel-buffering": "no"}
        )

    async def _follow(self, stored: Stored, stopping: asyncio.Event, *, returned: bool) -> AsyncIterator[bytes]:
        parts = self._parts
        woken = parts.waiting.enter(stored.login_id)
        loop = asyncio.get_running_loop()
        ends = loop.time() + EVENTS_SECONDS
        try:
            yield b"retry: 1000\n\n"
            while loop.time() < ends and not stopping.is_set():
                woken.clear()
                stored = await parts.logins.find(stored.login_id)
                if stored.state is not State.WAITING:
                    needs = stored.state is State.VERIFIED and not returned and parts.collector.needs_return(stored)
                    yield b"event: go\ndata: " + (b"wait" if needs else b"collect") + b"\n\n"
                    return
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(KEEP_ALIVE_SECONDS):
                        await _either(woken, stopping)
                yield b": waiting\n\n"
        except (Gone, KeyGone):
            yield b"event: go\ndata: wait\n\n"
        except Unavailable:
            # The browser connects again by itself.
            return
        finally:
            parts.waiting.leave(stored.login_id, woken)

    async def _next(self, request: Request, stored: Stored, *, returned: bool) -> Response:
        collector = self._parts.collector
        if stored.state is State.WAITING:
            return self._waiting(request)
        try:
            target = await collector.collect(stored, returned=returned)
        except LoginRefused as refused:
            if refused.reason == "needs_return":
                return self._ask_for_code(request, None, 200)
            if refused.reason == "not_ready":
                return self._waiting(request)
            raise
        return RedirectResponse(target, 303, headers=_REDIRECT_HEADERS)

    async def _login(self, request: Request) -> tuple[Stored, bool]:
        parts = self._parts
        ref = request.path_params["ref"]
        returned = False
        try:
            token = open_token(parts.keys, "page", ref)
        except TokenInvalid:
            token = open_token(parts.keys, "returned", ref)
            returned = True
        stored = await parts.logins.find(token.login_id)
        parts.collector.check_browser(stored, cookie_secret(request, token.login_id))
        return stored, returned

    def _waiting(self, request: Request) -> HTMLResponse:
        path = f"/login/{request.path_params['ref']}"
        return page("wait.html", language(request), page_path=path, needs_return=False, problem=None)

    def _ask_for_code(self, request: Request, problem: str | None, status: int) -> HTMLResponse:
        path = f"/login/{request.path_params['ref']}"
        return page("wait.html", language(request), status, page_path=path, needs_return=True, problem=problem)

    def _shown(self, handler):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202 - Starlette's own type
        return shown_errors(handler)


def shown_errors(handler):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN201 - Starlette's own type
    """Wraps a page so that what cannot go on is told to the person in their language."""

    async def wrapped(request: Request) -> Response:
        spoken = language(request)
        try:
            response: Response = await handler(request)
        except (TokenInvalid, Gone, KeyGone):
            return error_page("gone", spoken, _STATUS["gone"])
        except LoginRefused as refused:
            reason = {"typed_code_spent": "code_spent"}.get(refused.reason, refused.reason)
            return error_page(reason, spoken, _STATUS.get(refused.reason, 400))
        except FormError:
            return error_page("request_unreadable", spoken, 400)
        except ShirushiError as error:
            _log.warning("page_unavailable", reason=error.reason)
            return error_page("unavailable", spoken, 503)
        return response

    return wrapped


async def _either(first: asyncio.Event, second: asyncio.Event) -> None:
    tasks = [asyncio.ensure_future(first.wait()), asyncio.ensure_future(second.wait())]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
