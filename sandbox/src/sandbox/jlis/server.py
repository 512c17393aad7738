"""The responder over HTTP (RFC 6960 appendix A), with a control endpoint for whoever sits on the same machine."""

import asyncio
import base64
import binascii
import json
from collections import Counter
from urllib.parse import unquote

from aiohttp import web

from sandbox.ca.profile import Kind
from sandbox.jlis.responder import MAX_REQUEST, Mode, Responder
from sandbox.jlis.statuses import Statuses

OCSP_RESPONSE = "application/ocsp-response"
STATUSES = frozenset({"good", "revoked", "suspended", "try_later", "unknown"})


class Server:
    """Holds the mode and counts what was asked; one object a process."""

    def __init__(self, responder: Responder, statuses: Statuses) -> None:
        self._responder = responder
        self._statuses = statuses
        self.mode = Mode.OK
        self.seconds = 0.0
        self._changed = asyncio.Event()
        self._asked: Counter[str] = Counter()

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        """Routes by hand: `web.Application` costs more than the answer itself."""
        if request.path == "/livez":
            return web.Response(text="ok\n")
        if request.path == "/control":
            return await self._control(request)
        if request.method == "POST" and request.path == "/":
            if (request.content_length or 0) > MAX_REQUEST:
                return web.Response(status=413)
            return await self._ocsp(request, await request.read())
        if request.method == "GET" and len(request.path) > 1:
            try:
                body = base64.b64decode(unquote(request.raw_path[1:]), validate=True)
            except (binascii.Error, ValueError):
                return web.Response(status=400)
            return await self._ocsp(request, body)
        return web.Response(status=404 if request.method == "POST" else 405)

    async def _ocsp(self, request: web.BaseRequest, body: bytes) -> web.StreamResponse:
        self._asked[self.mode] += 1
        if self.mode is Mode.DEAD:
            if request.transport is not None:
                request.transport.abort()
            return web.Response(status=503)
        if self.mode is Mode.HANGING:
            # Whoever still waits when the mode changes is answered in the new one.
            await self._changed.wait()
        if self.mode is Mode.SLOW:
            await asyncio.sleep(self.seconds)
        if self.mode is Mode.ERROR:
            return web.Response(status=500, text="out of order\n")
        if self.mode is Mode.MALFORMED:
            return web.Response(body=b"\x30\x03\x0a\x01", content_type=OCSP_RESPONSE)
        self._statuses.refresh()
        return web.Response(body=self._responder.answer(body, self.mode), content_type=OCSP_RESPONSE)

    async def _control(self, request: web.BaseRequest) -> web.Response:
        """GET tells; POST changes: `{"mode", "seconds"}` or `{"kind", "serial" (hex), "status"}`."""
        if request.method == "POST":
            try:
                self._apply(json.loads((await request.read())[:MAX_REQUEST]))
            except (ValueError, KeyError, TypeError, AttributeError):
                text = f"mode is one of {', '.join(Mode)}; status is one of {', '.join(sorted(STATUSES))}"
                return web.json_response({"error": text}, status=400)
        told = {"mode": self.mode, "seconds": self.seconds, "asked": dict(self._asked), "modes": list(Mode)}
        return web.json_response(told)

    def _apply(self, order: dict[str, object]) -> None:
        if "status" in order:
            status = str(order["status"])
            if status not in STATUSES:
                raise ValueError("no such status")
            self._statuses.tell(Kind(str(order["kind"])), int(str(order["serial"]), 16), status)
            return
        mode, seconds = Mode(str(order["mode"])), float(str(order.get("seconds", 0)))
        self.mode, self.seconds = mode, seconds
        self._changed.set()
        self._changed = asyncio.Event()
