"""What the gateway asks, over loopback gRPC with mutual TLS and the rights table."""

from functools import partial

import pytest
from challenge.rpc import add_to
from kit.errors import Code, ShirushiError
from kit.rpc import call, channel, serve
from shirushi.bus.v1 import envelope_pb2 as bus
from shirushi.challenge.v1 import challenge_pb2 as pb
from shirushi.challenge.v1 import events_pb2 as events
from shirushi.challenge.v1.challenge_pb2_grpc import ChallengeServiceStub
from shirushi.evidence.v1 import evidence_pb2 as evidence
from shirushi.rights import RPC_CALLERS

from tests.component.challenge.conftest import T0
from tests.support.challenge_tokens import link_token, qr_token
from tests.support.identities import Identities

LOGIN = b"L" * 16
EPOCH = int(T0 // 60)


@pytest.fixture
def identities(tmp_path):
    return Identities(tmp_path / "pki")


@pytest.fixture
async def server(identities, service):
    tls = identities.issue("challenge")
    server = serve("127.0.0.1", 0, tls, [partial(add_to, dispatch=service.dispatch)], RPC_CALLERS)
    await server.start()
    yield server
    await server.stop()


@pytest.fixture
async def ask(identities, server):
    """Calls as a principal."""
    channels = []

    async def asked(method, request, principal="gateway"):
        peer = channel(f"127.0.0.1:{server.port}", identities.issue(principal), server_name="challenge")
        await peer.start()
        channels.append(peer)
        return await call(getattr(peer.stub(ChallengeServiceStub), method), request, 5.0)

    yield asked
    for peer in channels:
        await peer.stop()


def issue_request(**changes):
    fields = {
        "login_id": LOGIN,
        "epoch": EPOCH,
        "sheets": [
            pb.SealedSheet(transport=evidence.TRANSPORT_APP_LINK, sealed=b"link sheet"),
            pb.SealedSheet(transport=evidence.TRANSPORT_QR, sealed=b"qr sheet"),
        ],
        "expires_at": int(T0) + 300,
        "verdict_due_at": int(T0) + 3000,
        "network_digest": b"d" * 32,
    }
    return pb.IssueRequest(**{**fields, **changes})


async def test_the_gateway_builds_tokens_that_phones_can_claim_with(ask, app):
    issued = await ask("Issue", issue_request())
    assert (len(issued.handle), len(issued.link_secret), len(issued.qr_secret)) == (16, 16, 32)
    assert await ask("Issue", issue_request()) == issued
    qr = qr_token(issued.handle, int(T0 // 5), issued.qr_secret)
    assert (await app.post("resolve", {"token": qr})).json()["transport"] == "qr"
    claimed = await app.claim(link_token(issued.handle, issued.link_secret))
    assert claimed.json()["network_hint"] == "different"


async def test_a_login_is_withdrawn_once_and_for_all(ask, service, app):
    issued = await ask("Issue", issue_request())
    await app.claim(link_token(issued.handle, issued.link_secret))
    withdrawal = pb.WithdrawRequest(login_id=LOGIN, epoch=EPOCH)
    assert await ask("Withdraw", withdrawal) == pb.WithdrawResponse(claimed=True)
    assert await ask("Withdraw", withdrawal) == pb.WithdrawResponse(claimed=True)
    facts = await service.told(bus.EVENT_TYPE_CHALLENGE_CANCELLED, events.ChallengeCancelled)
    assert {fact.message.by for fact in facts} == {events.CANCELLED_BY_BROWSER}
    response = await app.claim(link_token(issued.handle, issued.link_secret))
    assert response.json()["code"] == "already_cancelled"


async def test_an_answered_login_is_not_withdrawn_but_may_be_refused(ask, app):
    issued = await ask("Issue", issue_request())
    await app.claim(link_token(issued.handle, issued.link_secret))
    await app.answer()
    with pytest.raises(ShirushiError) as caught:
        await ask("Withdraw", pb.WithdrawRequest(login_id=LOGIN, epoch=EPOCH))
    assert (caught.value.code, caught.value.reason) == (Code.CONFLICT, "already_answered")
    await ask("PostNotice", pb.PostNoticeRequest(login_id=LOGIN, epoch=EPOCH, notice=b"sealed"))
    assert (await app.status()).json()["state"] == "refused"


@pytest.mark.parametrize(
    "changes",
    [
        {"login_id": b"short"},
        {"sheets": []},
        {"sheets": [pb.SealedSheet(transport=evidence.TRANSPORT_QR, sealed=b"x")] * 2},
        {"sheets": [pb.SealedSheet(sealed=b"x")]},
        {"sheets": [pb.SealedSheet(transport=9, sealed=b"x")]},
        {"sheets": [pb.SealedSheet(transport=evidence.TRANSPORT_QR, sealed=b"x" * 4097)]},
        {"network_digest": b"x"},
        {"expires_at": int(T0) - 1},
        {"verdict_due_at": 2**62},
    ],
)
async def test_what_is_asked_for_is_checked(ask, service, changes):
    with pytest.raises(ShirushiError) as caught:
        await ask("Issue", issue_request(**changes))
    assert caught.value.code is Code.INVALID_ARGUMENT
    assert not service.collection.rows


@pytest.mark.parametrize("epoch", [EPOCH - 60, EPOCH - 61, 0])
async def test_a_login_whose_epoch_is_over_gets_no_challenge(ask, epoch):
    with pytest.raises(ShirushiError) as caught:
        await ask("Issue", issue_request(epoch=epoch))
    assert caught.value.code in {Code.INVALID_ARGUMENT, Code.FAILED_PRECONDITION}


async def test_an_unknown_login_is_not_found(ask):
    for method, request in (
        ("Withdraw", pb.WithdrawRequest(login_id=LOGIN, epoch=EPOCH)),
        ("PostNotice", pb.PostNoticeRequest(login_id=LOGIN, epoch=EPOCH, notice=b"x")),
    ):
        with pytest.raises(ShirushiError) as caught:
            await ask(method, request)
        assert caught.value.code is Code.NOT_FOUND


@pytest.mark.parametrize("principal", ["verifier", "pseudonym", "audit-purge", "challenge"])
@pytest.mark.parametrize(
    ("method", "request_"),
    [("Issue", pb.IssueRequest()), ("Withdraw", pb.WithdrawRequest()), ("PostNotice", pb.PostNoticeRequest())],
)
async def test_nobody_but_the_gateway_may_ask(ask, principal, method, request_):
    with pytest.raises(ShirushiError) as caught:
        await ask(method, request_, principal)
    assert caught.value.code is Code.PERMISSION_DENIED
