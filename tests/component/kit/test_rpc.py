"""gRPC between services: who may call, what an error tells, and what renewal and loss of a peer do."""

import asyncio
import contextlib
import ssl

import grpc
import pytest
from cryptography import x509
from grpc_health.v1 import health_pb2, health_pb2_grpc
from kit.errors import Code, ShirushiError, Unavailable
from kit.rpc import Channel, RpcServer, call, caller, channel, serve
from kit.rpc_client import grpc_target
from shirushi.pseudonym.v1.pseudonym_pb2 import DeriveSubRequest, DeriveSubResponse
from shirushi.pseudonym.v1.pseudonym_pb2_grpc import (
    PseudonymServiceServicer,
    PseudonymServiceStub,
    add_PseudonymServiceServicer_to_server,
)

METHOD = "/shirushi.pseudonym.v1.PseudonymService/DeriveSub"
RIGHTS = {METHOD: frozenset({"gateway"})}
PERSONAL = "山田花子 1990-01-01"


class Servicer(PseudonymServiceServicer):
    def __init__(self, behaviour=None):
        self.behaviour = behaviour
        self.calls = 0

    async def DeriveSub(self, request, context):  # noqa: N802 - the contract's name
        self.calls += 1
        if self.behaviour is not None:
            return await self.behaviour(request, context)
        return DeriveSubResponse(sub=caller())


def register(servicer):
    return lambda server: add_PseudonymServiceServicer_to_server(servicer, server)


@contextlib.asynccontextmanager
async def serving(identities, behaviour=None, *, port=0, rights=RIGHTS):
    server = serve("127.0.0.1", port, identities.issue("pseudonym"), [register(Servicer(behaviour))], rights)
    await server.start()
    try:
        yield server
    finally:
        await server.stop()


@contextlib.asynccontextmanager
async def calling(tls, *ports, server_name="pseudonym"):
    target = ",".join(f"127.0.0.1:{port}" for port in ports)
    part = channel(target, tls, server_name=server_name)
    await part.start()
    try:
        yield part
    finally:
        await part.stop()


async def derive(part, within=5.0):
    answer = await call(part.stub(PseudonymServiceStub).DeriveSub, DeriveSubRequest(epoch=1), within)
    return answer.sub


def raising(error):
    async def behaviour(request, context):
        raise error

    return behaviour


async def test_a_caller_that_the_table_names_is_served_and_known_by_its_certificate(identities):
    async with serving(identities) as server, calling(identities.issue("gateway"), server.port) as part:
        assert await derive(part) == "gateway"


@pytest.mark.parametrize(
    ("name", "unit"),
    [("verifier", "services"), ("gateway", "brokers"), ("gateway,OU=services,O=Shirushi", "x"), ("kafka", "brokers")],
)
async def test_another_principal_is_refused(identities, name, unit):
    async with serving(identities) as server, calling(identities.issue(name, unit), server.port) as part:
        with pytest.raises(ShirushiError) as refused:
            await derive(part)
    assert refused.value.code is Code.PERMISSION_DENIED
    assert refused.value.reason == "caller_not_allowed"


async def test_a_caller_of_another_authority_does_not_even_connect(identities, tmp_path):
    from tests.support.identities import Identities

    stranger = Identities(tmp_path / "other").issue("gateway")
    mixed = type(stranger)(stranger.certificate, stranger.key, identities.ca)
    async with serving(identities) as server, calling(mixed, server.port) as part:
        with pytest.raises(Unavailable):
            await derive(part, within=1)


async def test_a_caller_without_a_certificate_does_not_even_connect(identities):
    async with serving(identities) as server:
        credentials = grpc.ssl_channel_credentials(root_certificates=identities.ca.read_bytes())
        options = [("grpc.ssl_target_name_override", "pseudonym")]
        async with grpc.aio.secure_channel(f"127.0.0.1:{server.port}", credentials, options=options) as bare:
            with pytest.raises(Unavailable):
                await call(PseudonymServiceStub(bare).DeriveSub, DeriveSubRequest(), 1)


async def test_a_peer_with_another_name_is_not_spoken_to(identities):
    async with (
        serving(identities) as server,
        calling(identities.issue("gateway"), server.port, server_name="audit-purge") as part,
    ):
        with pytest.raises(Unavailable):
            await derive(part, within=1)


@pytest.mark.parametrize("code", [code for code in Code if code not in {Code.UNAVAILABLE, Code.INTERNAL}])
async def test_a_refusal_crosses_with_code_text_and_reason(identities, code):
    behaviour = raising(ShirushiError(code, "sector_label must be 32 bytes", "sector_label_size"))
    async with serving(identities, behaviour) as server, calling(identities.issue("gateway"), server.port) as part:
        with pytest.raises(ShirushiError) as refused:
            await derive(part)
    error = refused.value
    assert (error.code, error.public_text, error.reason) == (
        code,
        "sector_label must be 32 bytes",
        "sector_label_size",
    )


async def test_unavailable_crosses_as_unavailable(identities):
    behaviour = raising(Unavailable("no keys yet", "keys_missing"))
    async with serving(identities, behaviour) as server, calling(identities.issue("gateway"), server.port) as part:
        with pytest.raises(Unavailable) as refused:
            await derive(part)
    assert refused.value.reason == "keys_missing"


async def test_the_text_of_an_exception_stays_in_the_process(identities, written):
    class Odd(Exception):
        def __str__(self):
            return PERSONAL

    for error in (ValueError(PERSONAL), Odd(), UnicodeDecodeError("utf-8", PERSONAL.encode(), 0, 1, "bad")):
        async with (
            serving(identities, raising(error)) as server,
            calling(identities.issue("gateway"), server.port) as part,
        ):
            with pytest.raises(grpc.aio.AioRpcError) as raw:
                await part.stub(PseudonymServiceStub).DeriveSub(DeriveSubRequest(), timeout=5)
            assert raw.value.code() is grpc.StatusCode.INTERNAL
            assert raw.value.details() == ""
            assert "1990" not in repr(raw.value.trailing_metadata())
            with pytest.raises(ShirushiError) as refused:
                await derive(part)
            assert refused.value.code is Code.INTERNAL
    text = written()
    assert "call_failed" in text
    assert "1990" not in text


async def test_a_method_outside_the_table_cannot_be_served(identities):
    server = serve("127.0.0.1", 0, identities.issue("pseudonym"), [register(Servicer())], {})
    with pytest.raises(ValueError, match="rights table"):
        await server.start()
    await server.stop()


async def test_health_is_open_to_every_principal_and_to_nobody_else(identities):
    async with serving(identities) as server:
        for name, unit, expected in [("challenge", "services", None), ("kafka", "brokers", Code.PERMISSION_DENIED)]:
            async with calling(identities.issue(name, unit), server.port) as part:
                check = part.stub(health_pb2_grpc.HealthStub).Check
                if expected is None:
                    answer = await call(check, health_pb2.HealthCheckRequest(), 5)
                    assert answer.status == health_pb2.HealthCheckResponse.SERVING
                else:
                    with pytest.raises(ShirushiError) as refused:
                        await call(check, health_pb2.HealthCheckRequest(), 5)
                    assert refused.value.code is expected


async def test_an_absent_peer_is_unavailable_and_is_found_when_it_comes(identities):
    async with serving(identities) as server:
        port = server.port
    async with calling(identities.issue("gateway"), port) as part:
        with pytest.raises(Unavailable):
            await derive(part, within=2)
        async with serving(identities, port=port), asyncio.timeout(10):
            while True:
                with contextlib.suppress(Unavailable):
                    assert await derive(part, within=2) == "gateway"
                    break
                await asyncio.sleep(0.05)


async def test_a_slow_peer_is_unavailable_after_the_timeout(identities):
    async def forever(request, context):
        await asyncio.Event().wait()

    async with serving(identities, forever) as server, calling(identities.issue("gateway"), server.port) as part:
        with pytest.raises(Unavailable) as refused:
            await derive(part, within=0.2)
    assert refused.value.reason == "peer_deadline_exceeded"


async def test_calls_go_round_all_replicas_and_on_when_one_stops(identities):
    one, two = Servicer(), Servicer()
    tls = identities.issue("pseudonym")
    servers = [RpcServer("127.0.0.1", 0, tls, [register(servicer)], RIGHTS) for servicer in (one, two)]
    for server in servers:
        await server.start()
    async with calling(identities.issue("gateway"), *(server.port for server in servers)) as part:
        async with asyncio.timeout(10):
            while not (one.calls and two.calls):
                await derive(part)
        await servers[0].stop()
        before = two.calls
        for _ in range(20):
            await derive(part)
        assert two.calls == before + 20
    await servers[1].stop()


def served_serial(port, tls):
    context = ssl.create_default_context(cafile=str(tls.ca))
    context.load_cert_chain(tls.certificate, tls.key)
    context.set_alpn_protocols(["h2"])
    import socket

    with (
        socket.create_connection(("127.0.0.1", port)) as raw,
        context.wrap_socket(raw, server_hostname="pseudonym") as wrapped,
    ):
        return x509.load_der_x509_certificate(wrapped.getpeercert(binary_form=True)).serial_number


async def test_a_renewed_server_certificate_serves_the_next_handshake(identities):
    async with serving(identities) as server:
        client = identities.issue("gateway")
        before = await asyncio.to_thread(served_serial, server.port, client)
        renewed = identities.issue("pseudonym")
        serial = x509.load_pem_x509_certificate(renewed.certificate.read_bytes()).serial_number
        assert serial != before
        async with asyncio.timeout(10):
            while await asyncio.to_thread(served_serial, server.port, client) != serial:
                await asyncio.sleep(0.2)


async def test_a_renewed_client_certificate_is_used_by_stubs_that_are_held(identities, monkeypatch):
    monkeypatch.setattr("kit.rpc_client.RENEWAL_INTERVAL_SECONDS", 0.05)
    seen = []

    async def note(request, context):
        pem = context.auth_context()["x509_pem_cert"][0]
        seen.append(x509.load_pem_x509_certificate(pem).serial_number)
        return DeriveSubResponse(sub="x")

    async with serving(identities, note) as server, calling(identities.issue("gateway"), server.port) as part:
        stub = part.stub(PseudonymServiceStub)
        await call(stub.DeriveSub, DeriveSubRequest(), 5)
        renewed = identities.issue("gateway")
        serial = x509.load_pem_x509_certificate(renewed.certificate.read_bytes()).serial_number
        async with asyncio.timeout(10):
            while seen[-1] != serial:
                await asyncio.sleep(0.05)
                await call(stub.DeriveSub, DeriveSubRequest(), 5)


async def test_a_call_under_way_survives_the_renewal_of_its_channel(identities):
    entered, leave = asyncio.Event(), asyncio.Event()

    async def slow(request, context):
        entered.set()
        await leave.wait()
        return DeriveSubResponse(sub="done")

    async with serving(identities, slow) as server, calling(identities.issue("gateway"), server.port) as part:
        under_way = asyncio.create_task(derive(part))
        await entered.wait()
        await part.renew()
        leave.set()
        assert await under_way == "done"


async def test_calls_under_way_end_before_the_server_stops(identities):
    entered, leave = asyncio.Event(), asyncio.Event()

    async def slow(request, context):
        entered.set()
        await leave.wait()
        return DeriveSubResponse(sub="done")

    async with serving(identities, slow) as server, calling(identities.issue("gateway"), server.port) as part:
        under_way = asyncio.create_task(derive(part))
        await entered.wait()
        stop = asyncio.create_task(server.stop())
        await asyncio.sleep(0)
        leave.set()
        assert await under_way == "done"
        await stop


async def test_a_channel_that_was_not_started_or_is_stopped_is_unavailable(identities):
    part = Channel("127.0.0.1:1", identities.issue("gateway"), server_name="pseudonym")
    stub = part.stub(PseudonymServiceStub)
    with pytest.raises(Unavailable):
        await call(stub.DeriveSub, DeriveSubRequest(), 1)
    await part.start()
    await part.stop()
    with pytest.raises(Unavailable):
        await call(stub.DeriveSub, DeriveSubRequest(), 1)


async def test_a_taken_port_is_said(identities):
    async with serving(identities) as server:
        second = serve("127.0.0.1", server.port, identities.issue("pseudonym"), [register(Servicer())], RIGHTS)
        with pytest.raises(OSError, match=str(server.port)):
            await second.start()
        await second.stop()


async def test_an_oversized_request_is_refused(identities):
    async with serving(identities) as server, calling(identities.issue("gateway"), server.port) as part:
        huge = DeriveSubRequest(sealed_subject=bytes(2 * 1024 * 1024))
        with pytest.raises(ShirushiError) as refused:
            await call(part.stub(PseudonymServiceStub).DeriveSub, huge, 5)
    assert refused.value.code is Code.RESOURCE_EXHAUSTED


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("localhost:9105", "localhost:9105"),
        ("dns:///audit-purge:9105", "dns:///audit-purge:9105"),
        ("127.0.0.1:1,127.0.0.1:2", "ipv4:127.0.0.1:1,127.0.0.1:2"),
        ("ipv4:127.0.0.1:1,127.0.0.1:2", "ipv4:127.0.0.1:1,127.0.0.1:2"),
        ("localhost:1, localhost:2", "ipv4:127.0.0.1:1,127.0.0.1:2"),
    ],
)
def test_targets(given, expected):
    assert grpc_target(given) == expected


def test_several_names_are_no_target():
    with pytest.raises(ValueError):
        grpc_target("one:1,two:2")
