"""The management port: /metrics, /livez and /readyz, and what they are answered from."""

import asyncio
import time
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from kit.http import HttpServer
from kit.telemetry import Telemetry

PROGRESS_BOUND_SECONDS = 30.0
KEYS_CHECK_SECONDS = 1.0

_TEXT = b"text/plain; charset=utf-8"
_METRICS = b"text/plain; version=0.0.4; charset=utf-8"


class Health:
    """What the parts of a service say about themselves.

    Ready means: every name that was ever given is ready. Live means: every loop that reports progress has done so
    within its bound; a loop that hangs is cured by a restart, an absent dependency is not.
    """

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self._now = now
        self._missing: dict[str, str] = {"service": "starting"}
        self._heartbeats: dict[str, tuple[float, float]] = {}

    def ready(self, name: str, ok: bool, why: str = "") -> None:
        """Say whether a part can do its work now; `why` is read by operators and holds nothing about a login."""
        if ok:
            self._missing.pop(name, None)
        else:
            self._missing[name] = why or "not ready"

    def progress(self, name: str, *, bound: float = PROGRESS_BOUND_SECONDS) -> None:
        """Report that a loop went round; it promises to do so again within `bound` seconds."""
        self._heartbeats[name] = (self._now(), bound)

    def ended(self, name: str) -> None:
        """Withdraw the promise of a loop that ended as it should."""
        self._heartbeats.pop(name, None)

    def missing(self) -> dict[str, str]:
        """Return what keeps the service from being ready; empty when it is."""
        return dict(self._missing)

    def stuck(self) -> list[str]:
        """Return the loops that broke their promise; empty when the service is live."""
        now = self._now()
        return sorted(name for name, (last, bound) in self._heartbeats.items() if now - last > bound)


async def follow_keys(ready: Callable[[], bool], health: Health) -> None:
    """Let /readyz say when the current epoch has no key, as after a long absence of audit-purge; `ready` is custody's."""
    while True:
        health.ready("keys", ready(), "the current epoch has no key")
        await asyncio.sleep(KEYS_CHECK_SECONDS)


class ManagementServer:
    """Serves the management port in plain HTTP, as a part; the first to start and the last to stop."""

    def __init__(self, host: str, port: int, telemetry: Telemetry, health: Health) -> None:
        self.name = "management"
        self._telemetry = telemetry
        self._health = health
        self._server = HttpServer(self._answer, host, port, name="management", drain_seconds=0.2)

    @property
    def port(self) -> int:
        """The port that it listens on."""
        return self._server.port

    async def start(self) -> None:
        """Listen; /readyz answers 503 until every part has started."""
        await self._server.start()

    def running(self) -> None:
        """Take note that every part has started."""
        self._health.ready("service", ok=True)

    def draining(self) -> None:
        """Let /readyz answer 503 from the beginning of the stop."""
        self._health.ready("service", ok=False, why="draining")

    async def stop(self) -> None:
        """Stop listening, and send the last spans: nothing that could make another runs any more."""
        await self._server.stop()
        await self._telemetry.close()

    async def _answer(
        self,
        scope: MutableMapping[str, Any],
        _receive: Callable[[], Awaitable[MutableMapping[str, Any]]],
        send: Callable[[MutableMapping[str, Any]], Awaitable[None]],
    ) -> None:
        status, kind, body = self._page(scope["path"] if scope["method"] in {"GET", "HEAD"} else "")
        headers = [
            (b"content-type", kind),
            (b"content-length", str(len(body)).encode()),
            (b"cache-control", b"no-store"),
        ]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    def _page(self, path: str) -> tuple[int, bytes, bytes]:
        match path:
            case "/metrics":
                return 200, _METRICS, self._telemetry.render()
            case "/livez":
                return _verdict([f"{name}: no progress" for name in self._health.stuck()])
            case "/readyz":
                return _verdict([f"{name}: {why}" for name, why in sorted(self._health.missing().items())])
        return 404, _TEXT, b"known: /metrics /livez /readyz\n"


def _verdict(complaints: list[str]) -> tuple[int, bytes, bytes]:
    return (503 if complaints else 200), _TEXT, ("\n".join(complaints or ["ok"]) + "\n").encode()
