"""The client side of gRPC: channels over mutual TLS that follow renewed certificates, and what their errors mean."""

import asyncio
import contextlib
import ipaddress
import json
from collections.abc import Awaitable, Callable
from typing import Any, Generic, TypeVar, cast

import grpc
import grpc.aio

from kit.errors import Code, ShirushiError, Unavailable
from kit.log import get_logger
from kit.rpc_server import MAX_MESSAGE_BYTES, REASON_METADATA, STATUS
from kit.tls import FileWatch, TlsFiles

RENEWAL_INTERVAL_SECONDS = 10.0
# Longer than any call's timeout, so that a renewal cuts no call.
OLD_CHANNEL_GRACE_SECONDS = 30.0

_CODES = {status: code for code, status in STATUS.items()}
_UNREACHABLE = frozenset({grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.DEADLINE_EXCEEDED, grpc.StatusCode.CANCELLED})
_SERVICE_CONFIG = {
    "loadBalancingConfig": [{"round_robin": {}}],
    # Every RPC here may be repeated (the contracts say so); a replica that is being killed costs a moment, not a call.
    "methodConfig": [
        {
            "name": [{}],
            "retryPolicy": {
                "maxAttempts": 3,
                "initialBackoff": "0.02s",
                "maxBackoff": "0.2s",
                "backoffMultiplier": 3,
                "retryableStatusCodes": ["UNAVAILABLE"],
            },
        }
    ],
}

S = TypeVar("S")
R = TypeVar("R")


class Channel:
    """A connection to all replicas of one peer, as a part of a service.

    Args:
        target: `host:port`, or several comma-separated where they are IP addresses (or localhost).
        tls: the caller's internal identity; when its files are renewed the connection is made anew.
        server_name: the peer's principal name; only a certificate for that name is accepted.
    """

    def __init__(self, target: str, tls: TlsFiles, *, server_name: str) -> None:
        self.name = f"channel:{server_name}"
        self._target = grpc_target(target)
        self._tls = tls
        self._watch = FileWatch(tls.certificate, tls.key, tls.ca)
        self._server_name = server_name
        self._channel: grpc.aio.Channel | None = None
        self._stubs: dict[Any, Any] = {}
        self._renewal: asyncio.Task[None] | None = None
        self._closing: set[asyncio.Task[None]] = set()

    async def start(self) -> None:
        """Begin to connect; does not wait for the peer, which may come and go."""
        self._channel = self._open()
        self._renewal = asyncio.create_task(self._follow_renewals(), name=f"{self.name}:renewal")

    async def stop(self) -> None:
        """Close the connection; calls under way are cancelled."""
        if self._renewal is not None:
            self._renewal.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._renewal
        for task in self._closing:
            task.cancel()
        channel, self._channel = self._channel, None
        self._stubs = {}
        if channel is not None:
            await channel.close(None)

    def stub(self, cls: Callable[[grpc.aio.Channel], S]) -> S:
        """Return a stub that lasts: it follows the connection when that is made anew, and may be had before the start."""
        return cast("S", _Stub(self, cls))

    def current(self, cls: Callable[[grpc.aio.Channel], S]) -> S:
        """Return the generated stub on the present connection.

        Raises:
            Unavailable: before the start and after the stop.
        """
        stub = self._stubs.get(cls)
        if stub is None:
            if self._channel is None:
                raise Unavailable(reason="channel_closed")
            stub = self._stubs[cls] = cls(self._channel)
        return cast("S", stub)

    async def renew(self) -> None:
        """Connect anew with the files as they are now; calls under way end on the old connection."""
        old, self._channel, self._stubs = self._channel, self._open(), {}
        if old is not None:
            task = asyncio.create_task(_close_later(old))
            self._closing.add(task)
            task.add_done_callback(self._closing.discard)

    async def _follow_renewals(self) -> None:
        while True:
            await asyncio.sleep(RENEWAL_INTERVAL_SECONDS)
            if not self._watch.changed():
                continue
            try:
                await self.renew()
            except OSError:
                # Just being swapped.
                self._watch.again()
            else:
                get_logger().info("channel_renewed", peer=self._server_name)

    def _open(self) -> grpc.aio.Channel:
        credentials = grpc.ssl_channel_credentials(
            root_certificates=self._tls.ca.read_bytes(),
            private_key=self._tls.key.read_bytes(),
            certificate_chain=self._tls.certificate.read_bytes(),
        )
        options: list[tuple[str, Any]] = [
            ("grpc.ssl_target_name_override", self._server_name),
            ("grpc.service_config", json.dumps(_SERVICE_CONFIG)),
            # A peer that was away for long is found again within two seconds, not within two minutes.
            ("grpc.initial_reconnect_backoff_ms", 100),
            ("grpc.min_reconnect_backoff_ms", 500),
            ("grpc.max_reconnect_backoff_ms", 2_000),
            ("grpc.keepalive_time_ms", 20_000),
            ("grpc.keepalive_timeout_ms", 5_000),
            ("grpc.keepalive_permit_without_calls", 1),
            ("grpc.max_receive_message_length", MAX_MESSAGE_BYTES),
            # Otherwise a new channel may go on using the connections of the old one, old certificate included.
            ("grpc.use_local_subchannel_pool", 1),
        ]
        return grpc.aio.secure_channel(self._target, credentials, options=options)


def channel(target: str, tls: TlsFiles, *, server_name: str) -> Channel:
    """Return a channel part; see `Channel`."""
    return Channel(target, tls, server_name=server_name)


async def call(method: Callable[..., Awaitable[R]], request: object, timeout: float) -> R:  # noqa: ASYNC109 - gRPC's own
    """Call a method of a stub; `timeout` in seconds covers everything, retries included.

    Raises:
        Unavailable: the peer could not be reached or did not answer in time; whether it did the work is unknown.
        ShirushiError: the peer refused, with its code and text; code INTERNAL and no text where it failed.
    """
    try:
        # A peer that is being restarted is waited for: the caller sees a slow answer instead of an error.
        return await method(request, timeout=timeout, wait_for_ready=True)
    except grpc.aio.AioRpcError as error:
        raise _translated(error) from None
    except grpc.aio.UsageError:
        # The channel was closed under the call, at the stop.
        raise Unavailable(reason="channel_closed") from None


def grpc_target(target: str) -> str:
    """Return the gRPC name of one or several addresses, of which each call takes the next.

    Raises:
        ValueError: if several are given and not all are IPv4 addresses (one DNS name may stand for many replicas).
    """
    if "," not in target:
        return target
    addresses = [
        address.strip().replace("localhost:", "127.0.0.1:") for address in target.removeprefix("ipv4:").split(",")
    ]
    for address in addresses:
        ipaddress.IPv4Address(address.rpartition(":")[0])
    return "ipv4:" + ",".join(addresses)


class _Stub(Generic[S]):
    """Looks up each method on the present connection."""

    def __init__(self, channel: Channel, cls: Callable[[grpc.aio.Channel], S]) -> None:
        self._channel = channel
        self._cls = cls

    def __getattr__(self, name: str) -> Any:
        return getattr(self._channel.current(self._cls), name)


async def _close_later(old: grpc.aio.Channel) -> None:
    # close(grace) waits for calls under way and cancels the rest.
    await old.close(OLD_CHANNEL_GRACE_SECONDS)


def _translated(error: grpc.aio.AioRpcError) -> ShirushiError:
    status = error.code()
    reason = ""
    trailing: Any = error.trailing_metadata()
    for key, value in trailing or ():
        if key == REASON_METADATA and isinstance(value, str):
            reason = value
    if status in _UNREACHABLE:
        # gRPC's own text names addresses: it stays here.
        return Unavailable(reason=reason or f"peer_{status.name.lower()}")
    code = _CODES.get(status, Code.INTERNAL)
    if code is Code.INTERNAL:
        return ShirushiError(Code.INTERNAL, "internal error", reason or f"peer_{status.name.lower()}")
    return ShirushiError(code, error.details() or "", reason)
