"""Asking over HTTP: bounded, on open connections, and every failure is only a missing answer."""

import asyncio
import dataclasses

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from kit.clock import FixedClock
from kit.telemetry import Telemetry
from verifier.domain.certification_path import Authority
from verifier.domain.ocsp import Freshness, Standing
from verifier.domain.revocation import Responders, SourceUnavailable
from verifier.domain.signed_message import Issued
from verifier.domain.verdict import check_evidence
from verifier.events.evidence_message import read_evidence
from verifier.metrics import Metrics
from verifier.peers.breaker import FAILURES_BEFORE_OPEN
from verifier.peers.ocsp_client import OcspClient

from tests.support import evidence as phone
from tests.support import jpki, ocsp
from tests.support.jpki import NOW, T0

ISSUER = jpki.generation()


class Server:
    """An OCSP responder whose answer the test chooses."""

    def __init__(self):
        self.answer = lambda body: web.Response(body=ocsp.answer_to(body, ISSUER))
        self.requests = []
        self.connections = set()

    async def handle(self, request):
        body = await request.read()
        self.requests.append((request, body))
        self.connections.add(request.transport)
        answered = self.answer(body)
        return await answered if asyncio.iscoroutine(answered) else answered


@pytest.fixture
async def server():
    responder = Server()
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", responder.handle)
    async with TestServer(app) as running:
        responder.url = str(running.make_url("/"))
        yield responder


@pytest.fixture
def telemetry():
    return Telemetry("verifier")


@pytest.fixture
def clock():
    return FixedClock(T0)


@pytest.fixture
def uptime():
    """Seconds that go on whatever is done to the clock."""
    return FixedClock(1000.0)


@pytest.fixture
async def started(clock, uptime, telemetry):
    """A client of these responders, stopped at the end."""
    clients = []

    async def start(**responders):
        client = OcspClient(
            responders=Responders(**responders),
            freshness=Freshness(),
            clock=clock,
            metrics=Metrics(telemetry),
            seconds=0.5,
            monotonic=uptime.now,
        )
        await client.start()
        clients.append(client)
        return client

    yield start
    for client in clients:
        await client.stop()


@pytest.fixture
async def client(started, server):
    return await started(override=server.url)


@pytest.fixture
def checked():
    answer = phone.Answer()
    issued = Issued(
        phone.CHALLENGE_ID,
        phone.NONCE,
        phone.EXPIRES_AT,
        T0,
        phone.CLAIM_KEY_THUMBPRINT,
        answer.evidence().sealing_key_thumbprint,
    )
    evidence = read_evidence(answer.evidence().SerializeToString())
    return check_evidence(evidence, issued, jpki.rules(), NOW).authentication


@pytest.fixture
def asked(telemetry):
    """How often a question ended so."""

    def count(answer, authority="auth"):
        labels = {"authority": authority, "answer": answer}
        return telemetry.registry.get_sample_value("shirushi_verifier_revocation_questions_total", labels) or 0

    return count


async def test_a_question_is_posted_and_its_answer_read(client, checked, server, asked):
    status = await client.status_of(checked)
    assert (status.standing, status.this_update) == (Standing.GOOD, NOW)
    ((request, body),) = server.requests
    assert request.method == "POST"
    assert request.content_type == "application/ocsp-request"
    assert request.headers["Accept"] == "application/ocsp-response"
    assert len(body) < 255
    assert {"User-Agent", "Accept-Encoding", "Cookie"}.isdisjoint(request.headers)
    assert asked("good") == 1


async def test_every_question_has_a_nonce_of_its_own(client, checked, server):
    await asyncio.gather(*(client.status_of(checked) for _ in range(5)))
    assert len({body for _, body in server.requests}) == 5


async def test_connections_are_used_again(client, checked, server):
    for _ in range(10):
        await client.status_of(checked)
    assert len(server.connections) == 1


@pytest.mark.parametrize("status", ["revoked", "suspended", "unknown"])
async def test_a_bad_standing_is_an_answer(status, client, checked, server, asked):
    server.answer = lambda body: web.Response(body=ocsp.answer_to(body, ISSUER, single={"status": status}))
    assert (await client.status_of(checked)).standing.value == status
    assert asked(status) == 1


async def hang(_):
    await asyncio.sleep(2)
    return web.Response()


def redirect(_):
    raise web.HTTPFound("http://127.0.0.1:1/elsewhere")


def compressed(_):
    response = web.Response(body=b"\0" * 10_000_000)
    response.enable_compression(force=True)
    return response


USELESS = {
    "timeout": hang,
    "http_status": lambda _: web.Response(status=500, body=b"out of order"),
    "too_large": lambda _: web.Response(body=bytes(1_000_000)),
    "malformed": lambda _: web.Response(body=b"<html></html>"),
    "nonce": lambda body: web.Response(body=ocsp.answer_to(body, ISSUER, nonce=bytes(32))),
    "status_try_later": lambda body: web.Response(body=ocsp.answer_to(body, ISSUER, status=3)),
}


@pytest.mark.parametrize("problem", USELESS)
async def test_a_useless_answer_is_a_missing_one(problem, client, checked, server, asked):
    server.answer = USELESS[problem]
    with pytest.raises(SourceUnavailable) as unavailable:
        await client.status_of(checked)
    assert unavailable.value.__cause__ is None
    assert asked(problem) == 1


async def test_a_redirect_is_not_followed(client, checked, server, asked):
    server.answer = redirect
    with pytest.raises(SourceUnavailable):
        await client.status_of(checked)
    assert len(server.requests) == 1
    assert asked("http_status") == 1


async def test_a_small_body_that_unpacks_to_a_large_one_stays_small(client, checked, server):
    server.answer = compressed
    with pytest.raises(SourceUnavailable):
        await client.status_of(checked)


async def test_a_connection_that_breaks_is_a_missing_answer(client, checked, server, asked):
    def abort(_):
        server.requests[-1][0].transport.abort()
        return web.Response()

    server.answer = abort
    with pytest.raises(SourceUnavailable):
        await client.status_of(checked)
    assert asked("unreachable") == 1


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1:1/", "http://no-such-host.invalid/", "http://[", "https://127.0.0.1:1/"]
)
async def test_an_address_that_nobody_answers_is_a_missing_answer(url, started, checked):
    client = await started(override=url)
    with pytest.raises(SourceUnavailable):
        await client.status_of(checked)


def at(checked, url):
    """The same certificate, naming another responder."""
    return dataclasses.replace(checked, certificate=dataclasses.replace(checked.certificate, ocsp_url=url))


async def test_without_an_address_nobody_is_asked(started, checked, asked):
    client = await started()
    nameless = at(checked, None)
    with pytest.raises(SourceUnavailable):
        await client.status_of(nameless)
    assert asked("no_responder") == 1


async def test_before_the_start_and_after_the_stop_there_is_no_answer(server, clock, telemetry, checked):
    client = OcspClient(
        responders=Responders(override=server.url), freshness=Freshness(), clock=clock, metrics=Metrics(telemetry)
    )
    with pytest.raises(SourceUnavailable):
        await client.status_of(checked)
    await client.start()
    await client.status_of(checked)
    await client.stop()
    with pytest.raises(SourceUnavailable):
        await client.status_of(checked)


async def fail(client, checked, times):
    for _ in range(times):
        with pytest.raises(SourceUnavailable):
            await client.status_of(checked)


async def test_in_an_outage_logins_do_not_wait_for_it_one_by_one(client, checked, server, uptime):
    server.answer = lambda _: web.Response(status=503)
    await fail(client, checked, FAILURES_BEFORE_OPEN + 20)
    assert len(server.requests) == FAILURES_BEFORE_OPEN
    server.answer = lambda body: web.Response(body=ocsp.answer_to(body, ISSUER))
    uptime.advance(1.0)
    assert (await client.status_of(checked)).standing is Standing.GOOD
    assert (await client.status_of(checked)).standing is Standing.GOOD


@pytest.mark.parametrize("seconds", [-30, 30])
async def test_a_clock_that_is_corrected_meanwhile_neither_lengthens_a_pause_nor_ends_it(
    seconds, client, checked, server, clock, uptime
):
    server.answer = lambda _: web.Response(status=503)
    await fail(client, checked, FAILURES_BEFORE_OPEN)
    clock.advance(seconds)
    await fail(client, checked, 1)
    assert len(server.requests) == FAILURES_BEFORE_OPEN
    server.answer = lambda body: web.Response(body=ocsp.answer_to(body, ISSUER))
    uptime.advance(1.0)
    assert (await client.status_of(checked)).standing is Standing.GOOD


async def test_a_responder_that_answers_uselessly_is_not_taken_for_dead(client, checked, server):
    # One card that J-LIS cannot answer about must not stop everybody else's.
    server.answer = lambda body: web.Response(body=ocsp.answer_to(body, ISSUER, status=3))
    await fail(client, checked, 20)
    assert len(server.requests) == 20


async def test_each_responder_fails_for_itself(started, checked, server):
    client = await started(signature="http://127.0.0.1:1/")
    (anchor,) = jpki.anchors().of_authority(Authority.SIGNATURE)
    dead = dataclasses.replace(checked, anchor=anchor)
    await fail(client, dead, FAILURES_BEFORE_OPEN + 1)
    alive = at(checked, server.url)
    assert (await client.status_of(alive)).standing is Standing.GOOD
