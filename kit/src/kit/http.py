"""Public HTTP: the server, pure ASGI middleware for bounds and headers, and strict forms."""

import asyncio
import time
from collections.abc import Mapping
from email.utils import formatdate
from functools import lru_cache

from kit.forms import FormError, parse_form, parse_query
from kit.http_server import App, HttpServer, Message, Receive, Scope, Send, is_gone

__all__ = ["BodyLimit", "FormError", "HttpServer", "SecurityHeaders", "is_gone", "parse_form", "parse_query"]

MAX_BODY_BYTES = 64 * 1024
BODY_SECONDS = 10.0

SECURITY_HEADERS: Mapping[str, str] = {
    "cache-control": "no-store",
    "content-security-policy": "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), geolocation=(), microphone=()",
    "referrer-policy": "no-referrer",
    "strict-transport-security": "max-age=63072000; includeSubDomains",
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
}
_LOCAL = frozenset({b"localhost", b"127.0.0.1", b"[::1]"})


class BodyLimit:
    """Reads the whole body before the application sees the request, up to a bound in bytes and in time.

    The application therefore never meets a body that is too large, cut short or endless; nothing here streams upwards.

    Args:
        app: the application.
        max_bytes: of the body.
        too_large: answers 413 in the endpoint's own kind; blank without it.
        too_slow: answers 408 in the endpoint's own kind; blank without it.
        seconds: within which the whole body must be there.
    """

    def __init__(
        self,
        app: App,
        max_bytes: int = MAX_BODY_BYTES,
        *,
        too_large: App | None = None,
        too_slow: App | None = None,
        seconds: float = BODY_SECONDS,
    ) -> None:
        self._app = app
        self._max_bytes = max_bytes
        self._too_large = too_large or _blank(413)
        self._too_slow = too_slow or _blank(408)
        self._seconds = seconds

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        announced, chunked = _announced(scope)
        if announced == 0 and not chunked:
            await self._app(scope, receive, send)
            return
        if announced > self._max_bytes:
            await self._too_large(scope, receive, _closing(send))
            return
        try:
            async with asyncio.timeout(self._seconds):
                body = await self._read(receive)
        except TimeoutError:
            await self._too_slow(scope, receive, _closing(send))
            return
        except _TooLargeError:
            await self._too_large(scope, receive, _closing(send))
            return
        if body is not None:
            await self._app(scope, _replay(body, receive), send)

    async def _read(self, receive: Receive) -> bytes | None:
        """Return the body; None when the caller went away before its end."""
        message = await receive()
        body: bytes = message.get("body", b"")
        pieces = [body]
        size = len(body)
        while message["type"] == "http.request":
            if size > self._max_bytes:
                raise _TooLargeError
            if not message.get("more_body", False):
                return b"".join(pieces)
            message = await receive()
            body = message.get("body", b"")
            pieces.append(body)
            size += len(body)
        return None


class SecurityHeaders:
    """Adds headers to every answer that does not have its own of that name.

    To a caller of this machine's own names no transport security is promised (RFC 6797): the promise holds for every port,
    and would keep the person at that browser from whatever else runs there without TLS.

    Args:
        app: the application.
        headers: replaces the defaults of the same name and adds the rest; an empty value takes a default away.
    """

    def __init__(self, app: App, headers: Mapping[str, str] | None = None) -> None:
        self._app = app
        merged = {**SECURITY_HEADERS, **{name.lower(): value for name, value in (headers or {}).items()}}
        self._headers = [(name.encode(), value.encode()) for name, value in merged.items() if value]
        self._local = [header for header in self._headers if header[0] != b"strict-transport-security"]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request."""

        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                own = list(message.get("headers", ()))
                present = {name.lower() for name, _ in own}
                headers = self._local if _asks_locally(scope) else self._headers
                own.extend(header for header in headers if header[0] not in present)
                own.append(_date_header())
                message = {**message, "headers": own}
            await send(message)

        await self._app(scope, receive, with_headers)


def _asks_locally(scope: Scope) -> bool:
    host: bytes = next((value for name, value in scope["headers"] if name == b"host"), b"")
    return host.rpartition(b":")[0] in _LOCAL or host in _LOCAL


def _date_header() -> tuple[bytes, bytes]:
    """Return the moment as a header (RFC 9110 §6.6.1), made once a second."""
    return _date_of(int(time.time()))


@lru_cache(maxsize=2)
def _date_of(second: int) -> tuple[bytes, bytes]:
    return b"date", formatdate(second, usegmt=True).encode()


class _TooLargeError(Exception):
    pass


def _announced(scope: Scope) -> tuple[int, bool]:
    """Return the announced length of the body and whether it comes in chunks; httptools has checked their form."""
    length, chunked = 0, False
    for name, value in scope["headers"]:
        if name == b"content-length":
            length = int(value)
        elif name == b"transfer-encoding":
            chunked = True
    return length, chunked


def _replay(body: bytes, receive: Receive) -> Receive:
    given = False

    async def replayed() -> Message:
        nonlocal given
        if given:
            return await receive()
        given = True
        return {"type": "http.request", "body": body, "more_body": False}

    return replayed


def _closing(send: Send) -> Send:
    """End the connection with the answer: the rest of the body that was refused is still on its way."""

    async def closing(message: Message) -> None:
        if message["type"] == "http.response.start":
            message = {**message, "headers": [*message.get("headers", ()), (b"connection", b"close")]}
        await send(message)

    return closing


def _blank(status: int) -> App:
    async def answer(_scope: Scope, _receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": status, "headers": [(b"content-length", b"0")]})
        await send({"type": "http.response.body", "body": b""})

    return answer
