"""The outermost layer of the app API: every path, every error and every header of a response is decided here."""

import time
from collections.abc import Awaitable, Callable
from functools import partial
from http import HTTPStatus
from typing import Protocol

from kit.errors import ShirushiError
from kit.log import get_logger
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route, Router
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from challenge.domain.dispatch import Dispatch
from challenge.problems import EdgeProblem, internal, problem
from challenge.web import about
from challenge.web.answer import answer
from challenge.web.cancel import cancel
from challenge.web.claim import claim
from challenge.web.resolve import resolve
from challenge.web.status import status

Handler = Callable[[Request], Awaitable[Response]]

# The API is for apps, not for pages: nothing of it may be framed, run, sniffed, cached or passed on.
_HEADERS: list[tuple[bytes, bytes]] = [
    (b"cache-control", b"no-store"),
    (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'"),
    (b"referrer-policy", b"no-referrer"),
    (b"strict-transport-security", b"max-age=31536000"),
    (b"x-content-type-options", b"nosniff"),
]


class Watch(Protocol):
    """Counts answered requests by route (its name, never the path) and status."""

    def __call__(self, route: str, status: int, seconds: float) -> None:
        """Count one."""
        ...


def app_api(dispatch: Dispatch, *, forwarded_hops: int, watch: Watch) -> ASGIApp:
    """Return the ASGI application."""
    text = about.read_description()

    async def openapi(_: Request) -> Response:
        return about.description(text)

    async def info(_: Request) -> Response:
        return about.info(dispatch)

    def post(path: str, name: str, handler: Handler) -> Route:
        return Route(path, _Endpoint(handler), methods=["POST"], name=name)

    def get(path: str, name: str, handler: Handler) -> Route:
        return Route(path, _Endpoint(handler), methods=["GET"], name=name)

    one = "/v1/challenges/{challenge_id}"
    routes = [
        post("/v1/challenges/resolve", "resolve", partial(resolve, dispatch)),
        post("/v1/challenges/claim", "claim", partial(claim, dispatch, forwarded_hops)),
        post(f"{one}/answer", "answer", partial(answer, dispatch)),
        post(f"{one}/cancel", "cancel", partial(cancel, dispatch)),
        post(f"{one}/status", "status", partial(status, dispatch)),
        get("/v1/openapi.yaml", "openapi", openapi),
        get("/v1/info", "info", info),
    ]
    return _Edge(Router(routes, redirect_slashes=False), {id(route.endpoint): route.name for route in routes}, watch)


class _Endpoint:
    """One route's handler as an ASGI application; its errors go up to the edge."""

    def __init__(self, handler: Handler) -> None:
        self._handler = handler

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        response = await self._handler(Request(scope, receive))
        await response(scope, receive, send)


class _Edge:
    def __init__(self, router: Router, names: dict[int, str], watch: Watch) -> None:
        self._router = router
        self._names = names
        self._watch = watch

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return  # no lifespan, no websockets
        began = time.perf_counter()
        status = 0

        async def send_with_headers(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] = [*message["headers"], *_HEADERS]
            await send(message)

        # The router raises for unknown paths and methods only where it believes an application to be around it.
        scope["app"] = self
        try:
            await self._router(scope, receive, send_with_headers)
        except ClientDisconnect:
            return
        except Exception as error:
            if status:
                raise
            await _response_of(error)(scope, receive, send_with_headers)
        self._watch(self._names.get(id(scope.get("endpoint")), "none"), status, time.perf_counter() - began)


def _response_of(error: Exception) -> Response:
    if isinstance(error, HTTPException):
        if error.status_code == HTTPStatus.METHOD_NOT_ALLOWED:
            return problem(EdgeProblem("method_not_allowed", "see the allow header", dict(error.headers or {})))
        return problem(EdgeProblem("not_found", "there is nothing here"))
    if isinstance(error, ShirushiError):
        return problem(error)
    # Its text may quote what was sent; the log keeps the type and the places only.
    get_logger().error("request_failed", exc_info=error)
    return internal()
