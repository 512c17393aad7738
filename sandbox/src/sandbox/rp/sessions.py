"""Server-side browser sessions for the sample sites, as a pure ASGI middleware; nothing but a random id is in the cookie."""

import time
from http.cookies import CookieError, SimpleCookie
from secrets import token_urlsafe
from typing import Any

from starlette.datastructures import MutableHeaders
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

LIFE_SECONDS = 3600.0
MOST_SESSIONS = 10_000
RENEW = "sandbox.renew_session"


def renew(request: Request) -> None:
    """Gives the session a new id with this response, as is due whenever somebody has logged in."""
    request.scope[RENEW] = True


class Sessions:
    """Fills `request.session`; a session exists from the first thing that a page stores in it."""

    def __init__(self, app: ASGIApp, name: str) -> None:
        self._app = app
        # Sites on localhost share a cookie jar whatever their ports, so the name tells them apart.
        self._cookie = f"__Host-{name}-session"
        self._sessions: dict[str, tuple[float, dict[str, Any]]] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serves one request with its session."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        known = self._known(scope)
        content: dict[str, Any] = self._sessions[known][1] if known is not None else {}
        scope["session"] = content

        async def with_cookie(message: Message) -> None:
            renewed = scope.get(RENEW, False)
            if message["type"] == "http.response.start" and content and (known is None or renewed):
                if known is not None:
                    del self._sessions[known]
                cookie = f"{self._cookie}={self._begin(content)}; Path=/; Secure; HttpOnly; SameSite=Lax"
                MutableHeaders(scope=message).append("set-cookie", cookie)
            await send(message)

        await self._app(scope, receive, with_cookie)

    def _known(self, scope: Scope) -> str | None:
        header = next((value for name, value in scope["headers"] if name == b"cookie"), b"").decode("latin-1")
        try:
            morsel = SimpleCookie(header).get(self._cookie)
        except CookieError:
            return None
        if morsel is None or morsel.value not in self._sessions:
            return None
        return morsel.value

    def _begin(self, content: dict[str, Any]) -> str:
        now = time.monotonic()
        # The oldest stand first in a dict.
        for old, (since, _) in list(self._sessions.items()):
            if now - since < LIFE_SECONDS and len(self._sessions) < MOST_SESSIONS:
                break
            del self._sessions[old]
        identifier = token_urlsafe(24)
        self._sessions[identifier] = (now, content)
        return identifier
