"""The server side of gRPC: callers proved by certificate and allowed by the rights table, errors kept from leaking."""

import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextvars import ContextVar
from typing import Any, NoReturn, cast

import grpc
import grpc.aio
from grpc_health.v1 import health, health_pb2, health_pb2_grpc

from kit.errors import Code, ShirushiError
from kit.log import get_logger
from kit.tls import FileWatch, TlsFiles

MAX_MESSAGE_BYTES = 1024 * 1024
MAX_CONCURRENT_CALLS = 1000
HEALTH_SERVICE = "grpc.health.v1.Health"
REASON_METADATA = "shirushi-reason"
SERVICE_SUBJECT = "CN={},OU=services,O=Shirushi"

STATUS: Mapping[Code, grpc.StatusCode] = {
    Code.INVALID_ARGUMENT: grpc.StatusCode.INVALID_ARGUMENT,
    Code.UNAUTHENTICATED: grpc.StatusCode.UNAUTHENTICATED,
    Code.PERMISSION_DENIED: grpc.StatusCode.PERMISSION_DENIED,
    Code.NOT_FOUND: grpc.StatusCode.NOT_FOUND,
    Code.ALREADY_EXISTS: grpc.StatusCode.ALREADY_EXISTS,
    Code.FAILED_PRECONDITION: grpc.StatusCode.FAILED_PRECONDITION,
    Code.RESOURCE_EXHAUSTED: grpc.StatusCode.RESOURCE_EXHAUSTED,
    Code.UNAVAILABLE: grpc.StatusCode.UNAVAILABLE,
    Code.INTERNAL: grpc.StatusCode.INTERNAL,
    Code.CONFLICT: grpc.StatusCode.ABORTED,
}

_OPTIONS: tuple[tuple[str, int], ...] = (
    # Two processes that shared a port by accident would each get half of the calls.
    ("grpc.so_reuseport", 0),
    ("grpc.max_receive_message_length", MAX_MESSAGE_BYTES),
    ("grpc.max_send_message_length", MAX_MESSAGE_BYTES),
    ("grpc.max_metadata_size", 8 * 1024),
    # Clients meet new replicas and renewed certificates at the latest after this.
    ("grpc.max_connection_age_ms", 600_000),
    ("grpc.max_connection_age_grace_ms", 10_000),
    # Clients ping idle connections, to notice a peer that vanished without a word (rpc_client.py).
    ("grpc.keepalive_permit_without_calls", 1),
    ("grpc.http2.min_ping_interval_without_data_ms", 5_000),
)

_caller: ContextVar[str] = ContextVar("rpc_caller")

Handlers = Mapping[str, "grpc.RpcMethodHandler[Any, Any]"]
Registration = Callable[[grpc.aio.Server], None]


def caller() -> str:
    """Return the principal whose call is being handled; it was proved by its certificate.

    Raises:
        LookupError: outside of a call.
    """
    return _caller.get()


class RpcServer:
    """A gRPC server as a part of a service.

    Args:
        host: address to listen on.
        port: 0 takes any free one; `port` says which after the start.
        tls: the service's internal identity; renewed files serve the next handshake.
        services: each adds one servicer, such as `lambda server: add_XServicer_to_server(servicer, server)`.
        rights: full method name to the principals that may call it (`shirushi.rights.RPC_CALLERS`).
        drain_seconds: how long calls under way may take at the stop.
    """

    def __init__(
        self,
        host: str,
        port: int,
        tls: TlsFiles,
        services: list[Registration],
        rights: Mapping[str, frozenset[str]],
        *,
        drain_seconds: float = 4.0,
    ) -> None:
        self.name = "rpc"
        self.port = port
        self._host = host
        self._tls = tls
        self._services = services
        self._rights = rights
        self._drain_seconds = drain_seconds
        self._server: grpc.aio.Server | None = None
        self._health = health.aio.HealthServicer()  # type: ignore[attr-defined]

    async def start(self) -> None:
        """Listen and serve.

        Raises:
            OSError: if the port is taken.
        """
        server = grpc.aio.server(options=_OPTIONS, maximum_concurrent_rpcs=MAX_CONCURRENT_CALLS)
        guard = cast("grpc.aio.Server", _Guard(server, self._rights))
        for register in self._services:
            register(guard)
        health_pb2_grpc.add_HealthServicer_to_server(self._health, guard)
        try:
            self.port = server.add_secure_port(f"{self._host}:{self.port}", _credentials(self._tls))
        except RuntimeError as error:
            raise OSError(f"cannot listen on {self._host}:{self.port}") from error
        await server.start()
        self._server = server
        await self._health.set("", health_pb2.HealthCheckResponse.SERVING)

    async def stop(self) -> None:
        """Refuse new calls, let those under way end, then cut the rest."""
        if self._server is not None:
            await self._health.enter_graceful_shutdown()
            await self._server.stop(self._drain_seconds)


def serve(
    host: str,
    port: int,
    tls: TlsFiles,
    services: list[Registration],
    rights: Mapping[str, frozenset[str]],
) -> RpcServer:
    """Return a gRPC server part; see `RpcServer`."""
    return RpcServer(host, port, tls, services, rights)


class _Guard:
    """Stands in for the server where servicers register, and puts the checks around every method.

    That does what a server interceptor would, but once a method and not once a call, which costs a quarter of a
    small call. A method that the rights table does not name cannot be registered at all.
    """

    def __init__(self, server: grpc.aio.Server, rights: Mapping[str, frozenset[str]]) -> None:
        self._server = server
        self._rights = rights

    def add_generic_rpc_handlers(self, handlers: object) -> None:
        """Ignored: generated code offers the same methods below, by name."""

    def add_registered_method_handlers(self, service: str, handlers: Handlers) -> None:
        """Register a service's methods with the checks around them."""
        guarded = {name: self._guarded(f"/{service}/{name}", handler) for name, handler in handlers.items()}
        self._server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(service, guarded),))

    def _guarded(self, method: str, handler: Any) -> Any:
        if method.startswith(f"/{HEALTH_SERVICE}/"):
            # Open to every principal; whether we serve is no secret among services.
            allowed = None
        elif method in self._rights:
            allowed = frozenset(SERVICE_SUBJECT.format(name) for name in self._rights[method])
        else:
            raise ValueError(f"{method} is not in the rights table")
        codec = {
            "request_deserializer": handler.request_deserializer,
            "response_serializer": handler.response_serializer,
        }
        if handler.unary_unary is not None:
            return grpc.unary_unary_rpc_method_handler(_unary(method, handler.unary_unary, allowed), **codec)
        if handler.unary_stream is not None:
            return grpc.unary_stream_rpc_method_handler(_stream(method, handler.unary_stream, allowed), **codec)
        raise ValueError(f"{method}: streams from the caller are not served")


def _unary(
    method: str, behaviour: Callable[[Any, Any], Awaitable[Any]], allowed: frozenset[str] | None
) -> Callable[[Any, Any], Awaitable[Any]]:
    async def handle(request: Any, context: Any) -> Any:
        try:
            _caller.set(_check_caller(context, allowed))
            return await behaviour(request, context)
        except Exception as error:  # noqa: BLE001 - grpc.aio would send its text
            await _answer(method, context, error)

    return handle


def _stream(
    method: str, behaviour: Callable[[Any, Any], AsyncIterator[Any]], allowed: frozenset[str] | None
) -> Callable[[Any, Any], AsyncIterator[Any]]:
    async def handle(request: Any, context: Any) -> AsyncIterator[Any]:
        try:
            _caller.set(_check_caller(context, allowed))
            # The health servicer writes by itself and returns nothing.
            answers: Any = behaviour(request, context)
            if hasattr(answers, "__aiter__"):
                async for answer in answers:
                    yield answer
            else:
                await answers
        except Exception as error:  # noqa: BLE001 - grpc.aio would send its text
            await _answer(method, context, error)

    return handle


def _check_caller(context: Any, allowed: frozenset[str] | None) -> str:
    """Return the caller's principal name.

    gRPC has checked the path to our own authority; here it is the subject that counts: a certificate of the same
    authority for a broker or an operator (another OU) calls nothing.
    """
    subjects = context.auth_context().get("x509_subject", ())
    subject = subjects[0].decode("utf-8", "replace") if len(subjects) == 1 else ""
    name = subject.removeprefix("CN=").split(",", 1)[0]
    if allowed is None:
        if subject == SERVICE_SUBJECT.format(name):
            return name
    elif subject in allowed:
        return name
    raise ShirushiError(Code.PERMISSION_DENIED, "not allowed to call this method", "caller_not_allowed")


async def _answer(method: str, context: Any, error: Exception) -> NoReturn:
    """End a call with what the caller may know of an error.

    Everything that is not a ShirushiError becomes a blank INTERNAL: grpc.aio itself would send the exception's text.
    """
    if isinstance(error, grpc.aio.AbortError):
        raise error
    if isinstance(error, ShirushiError):
        if error.code is Code.PERMISSION_DENIED:
            get_logger().warning("call_refused", method=method, reason=error.reason)
        await context.abort(STATUS[error.code], error.public_text, ((REASON_METADATA, error.reason),))
    get_logger().error("call_failed", method=method, exc_info=error)
    await context.abort(grpc.StatusCode.INTERNAL, "")
    raise AssertionError("abort raises")


def _credentials(tls: TlsFiles) -> grpc.ServerCredentials:
    """Return credentials that ask every client for a certificate and look for renewed files at each handshake."""
    watch = FileWatch(tls.certificate, tls.key, tls.ca)
    looked = time.monotonic()

    def configuration() -> grpc.ServerCertificateConfiguration:
        return grpc.ssl_server_certificate_configuration(
            [(tls.key.read_bytes(), tls.certificate.read_bytes())], root_certificates=tls.ca.read_bytes()
        )

    def renewed() -> grpc.ServerCertificateConfiguration | None:
        nonlocal looked
        # A burst of connections looks once a second, not once each.
        if time.monotonic() - looked < 1 or not watch.changed():
            return None
        looked = time.monotonic()
        return configuration()

    # The stubs forget that None means "as before".
    return grpc.dynamic_ssl_server_credentials(
        configuration(),
        renewed,  # type: ignore[arg-type]
        require_client_authentication=True,
    )
