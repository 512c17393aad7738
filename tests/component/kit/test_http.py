"""The public HTTP server: its bounds, what errors tell, renewal, and a stop that ends in time."""

import asyncio
import contextlib
import shutil
import ssl

import pytest
from cryptography import x509
from kit.http import BodyLimit, HttpServer, SecurityHeaders, is_gone
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse, StreamingResponse
from starlette.routing import Route

PERSONAL = "山田花子1990"


async def echo(request):
    return PlainTextResponse(await request.body())


async def broken(request):
    raise ValueError(PERSONAL)


async def half(request):
    async def pieces():
        yield b"begun"
        raise ValueError(PERSONAL)

    return StreamingResponse(pieces())


async def events(request):
    stopping = request.state.stopping

    async def stream():
        yield b"data: one\n\n"
        await stopping.wait()
        yield b"data: last\n\n"

    return StreamingResponse(stream(), media_type="text/event-stream")


async def stubborn(request):
    async def stream():
        yield b"data: one\n\n"
        await asyncio.Event().wait()

    return StreamingResponse(stream(), media_type="text/event-stream")


def application():
    routes = [
        Route("/echo", echo, methods=["GET", "POST"]),
        Route("/broken", broken),
        Route("/half", half),
        Route("/events", events),
        Route("/stubborn", stubborn),
    ]
    return SecurityHeaders(BodyLimit(Starlette(routes=routes), 1000, seconds=0.5), {"X-Frame-Options": ""})


@contextlib.asynccontextmanager
async def serving(app=None, **options):
    server = HttpServer(app or application(), "127.0.0.1", 0, drain_seconds=0.5, **options)
    await server.start()
    try:
        yield server
    finally:
        await server.stop()


@contextlib.asynccontextmanager
async def connection(server, context=None):
    reader, writer = await asyncio.open_connection(
        "127.0.0.1", server.port, ssl=context, server_hostname="localhost" if context else None
    )
    try:
        yield reader, writer
    finally:
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()


async def exchange(server, raw, *, within=5.0):
    """Send bytes and read until the server closes or the answer stops; returns what came."""
    async with connection(server) as (reader, writer), asyncio.timeout(within):
        writer.write(raw)
        return await reader.read()


def get(path, *extra):
    lines = [f"GET {path} HTTP/1.1", "host: localhost", "connection: close", *extra, "", ""]
    return "\r\n".join(lines).encode()


def post(body, *extra, path="/echo"):
    lines = [f"POST {path} HTTP/1.1", "host: localhost", "connection: close", *extra, "", ""]
    return "\r\n".join(lines).encode() + body


def status(answer):
    return int(answer.split(b" ", 2)[1])


@pytest.mark.parametrize("host", ["localhost", "localhost:8443", "127.0.0.1:1", "[::1]:1", "[::1]"])
async def test_a_name_of_this_machine_is_promised_no_transport_security(host):
    async with serving() as server:
        answer = await exchange(server, get("/echo").replace(b"localhost", host.encode()))
    assert b"strict-transport-security" not in answer.lower()
    assert b"nosniff" in answer


@pytest.mark.parametrize("host", ["login.example", "login.example:8443", "localhost.example", "127.0.0.1.example", ""])
async def test_every_other_name_is_promised_transport_security(host):
    async with serving() as server:
        answer = await exchange(server, get("/echo").replace(b"localhost", host.encode()))
    assert b"strict-transport-security: max-age" in answer.lower()


@pytest.mark.parametrize("over", ["tls", "tcp"])
async def test_an_application_can_tell_that_its_caller_has_gone(identities, over):
    went, noticed = asyncio.Event(), asyncio.Event()

    async def slow(scope, receive, send):
        assert not is_gone(scope)
        await went.wait()
        while not is_gone(scope):
            await asyncio.sleep(0.01)
        noticed.set()

    options, context = {}, None
    if over == "tls":
        files = identities.issue("web")
        options = {"certificate": files.certificate, "key": files.key}
        context = ssl.create_default_context(cafile=str(files.ca))
    async with serving(slow, **options) as server:
        async with connection(server, context) as (_, writer):
            writer.write(get("/"))
            await writer.drain()
        went.set()
        async with asyncio.timeout(5):
            await noticed.wait()


def test_where_nobody_knows_no_caller_has_gone():
    assert not is_gone({"type": "http"})


async def test_a_body_is_handed_on_whole():
    async with serving() as server:
        answer = await exchange(server, post(b"hello", "content-length: 5"))
        assert status(answer) == 200
        assert answer.endswith(b"hello")
        chunked = await exchange(server, post(b"2\r\nhe\r\n3\r\nllo\r\n0\r\n\r\n", "transfer-encoding: chunked"))
        assert chunked.endswith(b"hello")


async def test_a_body_over_the_bound_is_refused_announced_or_not():
    async with serving() as server:
        assert status(await exchange(server, post(b"", "content-length: 1001"))) == 413
        assert status(await exchange(server, post(b"x" * 1000, "content-length: 1000"))) == 200
        piece = b"200\r\n" + b"x" * 512 + b"\r\n"
        assert status(await exchange(server, post(piece * 3, "transfer-encoding: chunked"))) == 413


async def test_a_body_that_never_ends_is_refused_in_time():
    async with serving() as server:
        assert status(await exchange(server, post(b"he", "content-length: 5"))) == 408


async def test_refusals_come_in_the_endpoints_own_kind():
    async def problem(scope, receive, send):
        await PlainTextResponse("ours", 413)(scope, receive, send)

    async with serving(BodyLimit(Starlette(), 10, too_large=problem)) as server:
        answer = await exchange(server, post(b"", "content-length: 11"))
        assert status(answer) == 413
        assert answer.endswith(b"ours")


@pytest.mark.parametrize(
    ("request_bytes", "expected"),
    [
        (get("/" + "a" * 17_000), 414),
        (get("/echo", *(f"x-{n}: 1" for n in range(120))), 431),
        (get("/echo", "x: " + "a" * 60_000), 431),
        (b"GET /\xff HTTP/1.1\r\nhost: localhost\r\n\r\n", 400),
        (b"nonsense\r\n\r\n", 400),
        (post(b"x", "content-length: 1", "transfer-encoding: chunked"), 400),
        (post(b"x", "content-length: 1", "content-length: 2"), 400),
        (post(b"x", "content-length: -1"), 400),
    ],
)
async def test_heads_out_of_bounds_are_refused(request_bytes, expected, written):
    async with serving() as server:
        assert status(await exchange(server, request_bytes)) == expected
        assert status(await exchange(server, get("/echo"))) == 200
    assert "aaaa" not in written()


async def test_an_endless_header_is_cut_off():
    async with serving() as server, connection(server) as (reader, writer):
        writer.write(b"GET / HTTP/1.1\r\nx: ")
        with contextlib.suppress(OSError):
            for _ in range(400):
                writer.write(b"a" * 1000)
                await writer.drain()
                await asyncio.sleep(0)
        async with asyncio.timeout(5):
            with contextlib.suppress(OSError):
                answer = await reader.read()
                assert answer == b"" or status(answer) == 431


async def test_a_silent_connection_is_closed(monkeypatch):
    monkeypatch.setattr("kit.http_server.HEAD_SECONDS", 0.1)
    async with serving() as server:
        assert status(await exchange(server, b"")) == 408
        assert status(await exchange(server, b"GET / HT")) == 408


async def test_an_empty_line_after_an_answer_keeps_no_connection_open(monkeypatch):
    monkeypatch.setattr("kit.http_server.HEAD_SECONDS", 0.1)
    kept = get("/echo").replace(b"connection: close\r\n", b"")
    async with serving() as server, connection(server) as (reader, writer), asyncio.timeout(5):
        writer.write(kept)
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"\r\n")
        assert b"408" in await reader.read()


async def test_an_empty_line_before_a_request_is_taken():
    async with serving() as server:
        kept = get("/echo").replace(b"connection: close\r\n", b"")
        answers = await exchange(server, kept + b"\r\n" + get("/echo"))
    assert answers.count(b"HTTP/1.1 200") == 2


async def test_an_exception_becomes_a_blank_500_and_its_text_stays_in_the_process(written):
    async def bare(scope, receive, send):
        raise ValueError(PERSONAL)

    async with serving() as server, serving(bare) as other:
        answers = [await exchange(server, get("/broken?c=hanako1990")), await exchange(other, get("/?c=hanako1990"))]
        cut = await exchange(server, get("/half"))
    for answer in answers:
        assert status(answer) == 500
        assert b"1990" not in answer
    assert status(cut) == 200
    assert not cut.endswith(b"0\r\n\r\n")
    text = written()
    assert "request_failed" in text
    assert "1990" not in text


async def test_headers_are_added_where_the_answer_has_none_of_its_own():
    async with serving() as server:
        head = (await exchange(server, get("/echo"))).split(b"\r\n\r\n")[0].lower()
    assert b"\r\nx-content-type-options: nosniff" in head
    assert b"\r\nreferrer-policy: no-referrer" in head
    assert b"x-frame-options" not in head
    assert b"\r\nserver:" not in head


async def test_streams_end_and_the_stop_is_short_with_streams_open():
    async with serving() as server, connection(server) as (reader, writer):
        writer.write(get("/events"))
        await reader.readuntil(b"data: one")
        began = asyncio.get_running_loop().time()
        server.draining()
        assert b"last" in await reader.read()
        await server.stop()
        assert asyncio.get_running_loop().time() - began < 0.5


async def test_a_stream_that_does_not_end_is_cut_at_the_bound(written):
    async with serving() as server:
        async with connection(server) as (reader, writer):
            writer.write(get("/stubborn"))
            await reader.readuntil(b"data: one")
            began = asyncio.get_running_loop().time()
            await server.stop()
            assert 0.4 < asyncio.get_running_loop().time() - began < 1.5
            await reader.read()
        with pytest.raises(OSError):
            await exchange(server, get("/echo"))


async def test_a_request_under_way_is_answered_before_the_stop():
    entered, leave = asyncio.Event(), asyncio.Event()

    async def slow(scope, receive, send):
        entered.set()
        await leave.wait()
        await PlainTextResponse("done")(scope, receive, send)

    async with serving(slow) as server:
        answer = asyncio.create_task(exchange(server, get("/")))
        await entered.wait()
        stop = asyncio.create_task(server.stop())
        await asyncio.sleep(0)
        leave.set()
        assert (await answer).endswith(b"done")
        await stop


async def test_a_taken_port_is_said():
    async with serving() as server:
        second = HttpServer(application(), "127.0.0.1", server.port)
        with pytest.raises(OSError, match=str(server.port)):
            await second.start()
        await second.stop()


async def test_https_with_a_certificate_that_is_renewed(identities, tmp_path, monkeypatch):
    monkeypatch.setattr("kit.http_server.RENEWAL_INTERVAL_SECONDS", 0.05)
    files = identities.issue("web")
    context = ssl.create_default_context(cafile=str(files.ca))

    async def serial(server):
        async with connection(server, context) as (_, writer):
            der = writer.get_extra_info("ssl_object").getpeercert(binary_form=True)
            return x509.load_der_x509_certificate(der).serial_number

    async with serving(certificate=files.certificate, key=files.key) as server:
        async with connection(server, context) as (reader, writer):
            writer.write(get("/echo"))
            assert status(await reader.read()) == 200
        before = await serial(server)
        # A certificate that came before its key is not used, and does no harm.
        old_key = tmp_path / "old.key"
        shutil.copy(files.key, old_key)
        identities.issue("web")
        new_key = files.key.read_bytes()
        shutil.copy(old_key, files.key)
        await asyncio.sleep(0.2)
        assert await serial(server) == before
        files.key.write_bytes(new_key)
        async with asyncio.timeout(5):
            while await serial(server) == before:
                await asyncio.sleep(0.05)
