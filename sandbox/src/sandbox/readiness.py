"""Asking a process over HTTP whether it is ready, without more than the standard library."""

import asyncio
import contextlib
import ssl
import time
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from sandbox.process import Child, ProcessDied

_ASK_SECONDS = 3.0
_BETWEEN_SECONDS = 0.1
_MOST_BYTES = 4096


class NotReady(Exception):
    """A process runs and does not become ready; the text says what it says."""


@dataclass(frozen=True)
class Answer:
    """The status and body of one plain GET; status 0 where nobody answered."""

    status: int
    body: str


async def wait_ready(child: Child, url: str, ca: Path, seconds: float) -> None:
    """Return when `url` answers 200; raise `ProcessDied` or `NotReady`."""
    deadline = time.monotonic() + seconds
    while True:
        answer = await get(url, ca)
        if answer.status == 200:
            return
        child.check_running()
        if not child.running:
            raise ProcessDied(f"{child.name} was stopped")
        if time.monotonic() > deadline:
            raise NotReady(f"{child.name} is not ready: {answer.body or 'no answer'}\n{child.log_tail()}")
        await asyncio.sleep(_BETWEEN_SECONDS)


async def get(url: str, ca: Path) -> Answer:
    """One GET over its own connection."""
    address = urlsplit(url)
    tls = ssl.create_default_context(cafile=str(ca)) if address.scheme == "https" else None
    with contextlib.suppress(OSError, ValueError, IndexError):
        async with asyncio.timeout(_ASK_SECONDS):
            reader, writer = await asyncio.open_connection(address.hostname, address.port, ssl=tls)
            try:
                path = address.path or "/"
                writer.write(f"GET {path} HTTP/1.1\r\nHost: {address.netloc}\r\nConnection: close\r\n\r\n".encode())
                head, _, body = (await _read(reader)).partition("\r\n\r\n")
                return Answer(int(head.split(" ", 2)[1]), body)
            finally:
                writer.close()
                with contextlib.suppress(OSError):
                    await writer.wait_closed()
    return Answer(0, "")


async def _read(reader: asyncio.StreamReader) -> str:
    received = b""
    while len(received) < _MOST_BYTES and (chunk := await reader.read(_MOST_BYTES)):
        received += chunk
    return received.decode(errors="replace")
