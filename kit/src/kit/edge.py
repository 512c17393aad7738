"""The innermost layer around a public surface's routes: times each, and turns what they raise into an answer."""

import time
from collections.abc import Callable, Sequence
from typing import Protocol

from starlette.responses import Response
from starlette.routing import Route, Router
from starlette.types import ASGIApp, Message, Receive, Scope, Send


class Watch(Protocol):
    """Counts answered requests by route (its name, never the path) and status."""

    def __call__(self, route: str, status: int, seconds: float) -> None:
        """Count one."""
        ...


class Edge:
    """Finds the route of a request.

    Args:
        routes: with names, which the metrics show.
        answer_to: renders what was raised, unknown paths and methods (`HTTPException`) included; it must not repeat what
            was sent.
        watch: told of every answer.
    """

    def __init__(
        self, routes: Sequence[Route], answer_to: Callable[[Exception, Scope], Response], watch: Watch
    ) -> None:
        self._router = Router(routes, redirect_slashes=False)
        # Starlette leaves the endpoint in the scope whatever it is, and the route only in some versions.
        self._names: dict[ASGIApp, str] = {route.endpoint: route.name for route in routes}
        self._answer_to = answer_to
        self._watch = watch

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request."""
        if scope["type"] != "http":
            return  # no lifespan, no websockets
        began = time.perf_counter()
        status, took = 0, 0.0

        async def watched(message: Message) -> None:
            nonlocal status, took
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)
            # What a route does after its answer (a background task) keeps nobody waiting.
            took = time.perf_counter() - began

        # The router raises for unknown paths and methods only where it believes an application to be around it.
        scope["app"] = self
        try:
            await self._router(scope, receive, watched)
        except Exception as error:
            if status:
                raise  # the answer has begun: the server can only cut it
            await self._answer_to(error, scope)(scope, receive, watched)
        if status:
            name = self._names.get(scope.get("endpoint"), "none")  # type: ignore[arg-type]
            self._watch(name, status, took)
