"""A public HTTP server as a part of a service: uvicorn with bounds that httptools lacks, and a stop that ends in time."""

import asyncio
import contextlib
import logging
import socket
from collections.abc import Awaitable, Callable, MutableMapping
from pathlib import Path
from typing import Any

import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from kit.log import get_logger
from kit.tls import FileWatch, public_server_context, reload

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

MAX_URL_BYTES = 16 * 1024
MAX_HEAD_BYTES = 48 * 1024
MAX_HEADERS = 100
HEAD_SECONDS = 10.0
KEEP_ALIVE_SECONDS = 30
MAX_CONNECTIONS = 4096
BACKLOG = 2048
RENEWAL_INTERVAL_SECONDS = 10.0

_REFUSALS = {
    400: b"HTTP/1.1 400 Bad Request\r\n",
    408: b"HTTP/1.1 408 Request Timeout\r\n",
    414: b"HTTP/1.1 414 URI Too Long\r\n",
    431: b"HTTP/1.1 431 Request Header Fields Too Large\r\n",
}


def is_gone(scope: Scope) -> bool:
    """Tells whether a request's caller has gone away already, so that no answer reaches them; False where nobody knows."""
    gone: Callable[[], bool] | None = scope.get("state", {}).get("gone")
    return gone is not None and gone()


class HttpServer:
    """Serves an ASGI application over HTTPS, or plain HTTP where no certificate is given.

    Requests find two things in `scope["state"]`: `stopping`, an `asyncio.Event` at which a stream that lasts (SSE) ends, and
    what `is_gone` asks.
    What an application raises becomes a blank 500 and a log line without the text.

    Args:
        app: an ASGI 3 application; its lifespan is not used.
        host: address to listen on.
        port: 0 takes any free one; `port` says which after the start.
        certificate: PEM chain; renewed files serve the next handshake.
        key: PEM key of the certificate.
        name: of the part, for the log.
        drain_seconds: how long requests under way may take at the stop.
    """

    def __init__(
        self,
        app: Any,
        host: str,
        port: int,
        certificate: Path | None = None,
        key: Path | None = None,
        *,
        name: str = "http",
        drain_seconds: float = 4.0,
    ) -> None:
        self.name = name
        self.port = port
        self.stopping = asyncio.Event()
        self._host = host
        self._drain_seconds = drain_seconds
        self._files = (certificate, key) if certificate is not None and key is not None else None
        self._context = public_server_context(*self._files) if self._files else None
        self._server = uvicorn.Server(self._config(_Guard(app)))
        self._renewal: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Listen and serve.

        Raises:
            OSError: if the port is taken.
        """
        listener = _listen(self._host, self.port)
        self.port = listener.getsockname()[1]
        server = self._server
        server.config.load()
        server.lifespan = server.config.lifespan_class(server.config)
        server.lifespan.state["stopping"] = self.stopping
        # uvicorn's own main loop wakes ten times a second to make a date header; this does without both.
        await server.startup(sockets=[listener])
        if self._files is not None:
            self._renewal = asyncio.create_task(self._follow_renewals(), name=f"{self.name}:renewal")

    def draining(self) -> None:
        """End streams that last, and answer the rest with `Connection: close` from now on."""
        self.stopping.set()

    async def stop(self) -> None:
        """Stop listening, let requests under way end within the bound, then cut the rest."""
        self.stopping.set()
        if self._renewal is not None:
            self._renewal.cancel()
        if not self._server.started:
            return
        state = self._server.server_state
        for server in self._server.servers:
            server.close()
        for connection in list(state.connections):
            connection.shutdown()
        if state.tasks:
            await asyncio.wait(set(state.tasks), timeout=self._drain_seconds)
        for task in set(state.tasks):
            task.cancel()
        # One turn of the loop lets the cancelled end; what has not read its answer by then is cut.
        await asyncio.sleep(0)
        for connection in list(state.connections):
            connection.transport.close()
        await _until(lambda: not state.connections, seconds=0.2)
        for connection in list(state.connections):
            connection.transport.abort()

    def _config(self, app: App) -> uvicorn.Config:
        context = self._context
        # It would write a line with the URL, tokens included, for every request.
        logging.getLogger("uvicorn.access").disabled = True
        # Warnings are about what callers sent; they got their answer.
        logging.getLogger("uvicorn.error").setLevel(logging.ERROR)
        return uvicorn.Config(
            app,
            http=_Protocol,
            loop="none",
            ws="none",
            lifespan="off",
            interface="asgi3",
            log_config=None,
            access_log=False,
            proxy_headers=False,
            server_header=False,
            date_header=False,
            limit_concurrency=MAX_CONNECTIONS,
            backlog=BACKLOG,
            timeout_keep_alive=KEEP_ALIVE_SECONDS,
            ssl_context_factory=(lambda _config, _default: context) if context is not None else None,
        )

    async def _follow_renewals(self) -> None:
        if self._files is None or self._context is None:
            return
        watch = FileWatch(*self._files)
        while True:
            await asyncio.sleep(RENEWAL_INTERVAL_SECONDS)
            if not watch.changed():
                continue
            if reload(self._context, *self._files):
                get_logger().info("certificate_renewed", server=self.name)
            else:
                watch.again()


class _Protocol(HttpToolsProtocol):
    """uvicorn's HTTP/1.1 with bounds on the request line and headers, in size, number and time.

    httptools has none: one endless header would fill the memory, one silent connection would stay for ever.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.access_log = False
        # What the parser holds of a head that is not complete, and what it has handed out of one.
        self._head_bytes = 0
        self._head_size = 0
        self._head_timer: asyncio.TimerHandle | None = None
        self._refusal = 400
        self._gone = False

    def connection_made(self, transport: Any) -> None:
        super().connection_made(transport)
        self.transport = _Corked(transport, self.loop)  # type: ignore[assignment]
        self._await_head()

    def connection_lost(self, exc: Exception | None) -> None:
        self._gone = True
        self._head_came()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        if self.transport.is_closing():
            return
        if self._head_timer is not None:
            # Still within one head: whatever came belongs to it.
            self._head_bytes += len(data)
            if self._head_bytes > MAX_HEAD_BYTES:
                self._refuse(431)
        elif self.cycle is None or self.cycle.response_complete:
            # An empty line between requests begins none, but it has ended uvicorn's wait for the next.
            self._await_head()

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self.scope["state"]["gone"] = self._is_gone
        self._head_bytes = self._head_size = 0
        if self._head_timer is None:
            self._await_head()

    def on_url(self, url: bytes) -> None:
        super().on_url(url)
        if len(self.url) > MAX_URL_BYTES:
            self._refusal = 414
            raise ValueError("URL too long")

    def on_header(self, name: bytes, value: bytes) -> None:
        super().on_header(name, value)
        self._head_size += len(name) + len(value)
        if len(self.headers) > MAX_HEADERS or self._head_size > MAX_HEAD_BYTES:
            self._refusal = 431
            raise ValueError("too many headers")

    def on_headers_complete(self) -> None:
        self._head_came()
        super().on_headers_complete()

    def send_400_response(self, msg: str) -> None:  # noqa: ARG002 - uvicorn's signature
        self._refuse(self._refusal)

    def _is_gone(self) -> bool:
        return self._gone

    def _refuse(self, status: int) -> None:
        self._head_came()
        if self.cycle is None or self.cycle.response_complete:
            self.transport.write(_REFUSALS[status] + b"content-length: 0\r\nconnection: close\r\n\r\n")
        self.transport.close()

    def _await_head(self) -> None:
        self._head_timer = self.loop.call_later(HEAD_SECONDS, self._refuse, 408)

    def _head_came(self) -> None:
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None


class _Corked:
    """Joins what is written within one turn of the loop, so that head and body of an answer share one TLS record."""

    __slots__ = ("_loop", "_pending", "_transport", "is_closing")

    def __init__(self, transport: asyncio.Transport, loop: asyncio.AbstractEventLoop) -> None:
        self._transport = transport
        self._loop = loop
        self._pending: list[bytes] = []
        self.is_closing = transport.is_closing

    def write(self, piece: bytes) -> None:
        if not self._pending:
            self._loop.call_soon(self._flush)
        self._pending.append(piece)

    def close(self) -> None:
        self._flush()
        self._transport.close()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)

    def _flush(self) -> None:
        if self._pending:
            pending, self._pending = self._pending, []
            if not self.is_closing():
                self._transport.write(pending[0] if len(pending) == 1 else b"".join(pending))


class _Guard:
    """The outermost layer of every application: nothing that it raises reaches caller or log as text."""

    def __init__(self, app: App) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        started = False

        async def watched(message: Message) -> None:
            nonlocal started
            started = True
            await send(message)

        try:
            await self._app(scope, receive, watched)
        except Exception:  # noqa: BLE001 - the last line before uvicorn, which would log the text
            # Neither path nor query: both may hold tokens.
            get_logger().exception("request_failed")
            if started:
                # Starlette has answered 500 before it raised, or the answer is cut by what follows.
                return
            headers = [(b"content-length", b"0"), (b"connection", b"close"), (b"cache-control", b"no-store")]
            await send({"type": "http.response.start", "status": 500, "headers": headers})
            await send({"type": "http.response.body", "body": b""})


def _listen(host: str, port: int) -> socket.socket:
    family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    listener = socket.socket(family, kind, protocol)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
        listener.listen(BACKLOG)
        listener.setblocking(False)  # noqa: FBT003 - its only parameter
    except OSError as error:
        listener.close()
        raise OSError(error.errno, f"cannot listen on {host}:{port}") from error
    return listener


async def _until(condition: Callable[[], bool], *, seconds: float) -> None:
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            while not condition():  # noqa: ASYNC110 - uvicorn's set of connections tells nobody
                await asyncio.sleep(0.01)
