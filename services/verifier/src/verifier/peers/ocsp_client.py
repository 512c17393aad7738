"""Asks OCSP responders over HTTP (RFC 6960 appendix A.1), within bounds of size and time, on connections that stay open."""

import os
import time
from collections.abc import Callable

import aiohttp
from kit.clock import Clock

from verifier.domain.certification_path import utc
from verifier.domain.ocsp import MAX_RESPONSE_BYTES, CertificateStatus, Freshness, read_response
from verifier.domain.ocsp_request import NONCE_BYTES, Inquiry
from verifier.domain.ocsp_responder import Unusable
from verifier.domain.revocation import Responders, SourceUnavailable
from verifier.domain.verdict import CheckedCertificate
from verifier.metrics import Metrics
from verifier.peers.breaker import Breaker

MAX_CONNECTIONS = 64
KEEP_ALIVE_SECONDS = 30.0
_HEADERS = {"Content-Type": "application/ocsp-request", "Accept": "application/ocsp-response"}
_HTTP_OK = 200


class OcspClient:
    """A revocation source; a runtime part that holds the connections.

    Args:
        responders: where to ask.
        freshness: how old an answer may be.
        clock: the time.
        metrics: where questions are counted.
        seconds: the longest time for one question, connection included.
        monotonic: seconds that no clock correction moves, for the pauses of a source that does not answer.
    """

    name = "ocsp"

    def __init__(
        self,
        *,
        responders: Responders,
        freshness: Freshness,
        clock: Clock,
        metrics: Metrics,
        seconds: float = 3.0,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._responders = responders
        self._freshness = freshness
        self._seconds = seconds
        self._clock = clock
        self._metrics = metrics
        self._monotonic = monotonic
        self._session: aiohttp.ClientSession | None = None
        self._breakers: dict[str, Breaker] = {}

    async def start(self) -> None:
        """Opens nothing yet: a responder that is away must not keep the service from starting."""
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=MAX_CONNECTIONS, keepalive_timeout=KEEP_ALIVE_SECONDS),
            timeout=aiohttp.ClientTimeout(total=self._seconds, connect=self._seconds / 2),
            headers=_HEADERS,
            # Who asks, and with what software, is not the responder's to know; and nothing is to be unpacked here.
            skip_auto_headers=("User-Agent", "Accept-Encoding"),
            # A responder has no business with cookies, and the environment none with where we send certificates' ids.
            cookie_jar=aiohttp.DummyCookieJar(),
            trust_env=False,
            auto_decompress=False,
        )

    async def stop(self) -> None:
        """Closes the connections."""
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def status_of(self, checked: CheckedCertificate) -> CertificateStatus:
        """See `RevocationSource`; every question is counted, as each one costs money at J-LIS."""
        address = self._responders.address(checked)
        if address is None:
            self._metrics.asked(checked.anchor.authority.value, "no_responder")
            raise SourceUnavailable
        breaker = self._breakers.setdefault(address, Breaker(self._monotonic))
        if not breaker.allows():
            raise SourceUnavailable
        inquiry = Inquiry.about(checked.anchor, checked.certificate.serial, os.urandom(NONCE_BYTES))
        try:
            body = await self._post(address, inquiry.request(), breaker)
            status = read_response(body, inquiry, utc(self._clock.now()), self._freshness)
        except Unusable as unusable:
            self._metrics.asked(checked.anchor.authority.value, unusable.problem)
            raise SourceUnavailable from None
        self._metrics.asked(checked.anchor.authority.value, status.standing.value)
        return status

    async def _post(self, address: str, request: bytes, breaker: Breaker) -> bytes:
        if self._session is None:
            raise Unusable("not_started")
        try:
            # A redirect could lead anywhere, also inside our own network: it is an unusable answer.
            async with self._session.post(address, data=request, allow_redirects=False) as response:
                body = await _bounded(response)
        except TimeoutError:
            breaker.failed()
            raise Unusable("timeout") from None
        except (aiohttp.ClientError, OSError, ValueError):
            # The texts name addresses, and aiohttp's may quote what it received.
            breaker.failed()
            raise Unusable("unreachable") from None
        if response.status != _HTTP_OK:
            breaker.failed()
            raise Unusable("http_status")
        breaker.succeeded()
        return body


async def _bounded(response: aiohttp.ClientResponse) -> bytes:
    """Reads a body of at most the bound.

    Raises:
        Unusable: it is longer.
    """
    body = bytearray()
    async for chunk in response.content.iter_any():
        body += chunk
        if len(body) > MAX_RESPONSE_BYTES:
            raise Unusable("too_large")
    return bytes(body)
