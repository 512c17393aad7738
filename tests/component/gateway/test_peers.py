"""Challenge and pseudonym over loopback gRPC with mutual TLS: what their answers mean to the gateway."""

import grpc
import pytest
from gateway.peers import ChallengePeer, PseudonymPeer
from kit.errors import Code, ShirushiError, Unavailable
from kit.rpc import channel, serve
from shirushi.challenge.v1 import challenge_pb2 as challenge
from shirushi.challenge.v1.challenge_pb2_grpc import ChallengeServiceServicer, add_ChallengeServiceServicer_to_server
from shirushi.evidence.v1 import evidence_pb2 as evidence
from shirushi.pseudonym.v1 import pseudonym_pb2 as pseudonym
from shirushi.pseudonym.v1.pseudonym_pb2_grpc import PseudonymServiceServicer, add_PseudonymServiceServicer_to_server
from shirushi.rights import RPC_CALLERS

from tests.support.identities import Identities

LOGIN, EPOCH = b"L" * 16, 29_916_667
TIMES = {"expires_at": 1300.9, "verdict_due_at": 4000.9, "network": b"n"}


class Peers(ChallengeServiceServicer, PseudonymServiceServicer):
    """Both services; `refusal` is what every call is answered with."""

    def __init__(self):
        self.asked = []
        self.refusal = None

    def _note(self, request):
        self.asked.append(request)
        if self.refusal is not None:
            raise ShirushiError(self.refusal, "refused", reason="refused")

    async def Issue(self, request, context):  # noqa: N802 - gRPC's own name
        self._note(request)
        return challenge.IssueResponse(handle=b"h" * 16, link_secret=b"l" * 16, qr_secret=b"q" * 32)

    async def Withdraw(self, request, context):  # noqa: N802 - gRPC's own name
        self._note(request)
        return challenge.WithdrawResponse(claimed=True)

    async def PostNotice(self, request, context):  # noqa: N802 - gRPC's own name
        self._note(request)
        return challenge.PostNoticeResponse()

    async def DeriveSub(self, request, context):  # noqa: N802 - gRPC's own name
        self._note(request)
        return pseudonym.DeriveSubResponse(sub="pairwise")


@pytest.fixture
def peers():
    return Peers()


@pytest.fixture
async def connected(peers, tmp_path):
    identities = Identities(tmp_path / "pki")
    adders = {"challenge": add_ChallengeServiceServicer_to_server, "pseudonym": add_PseudonymServiceServicer_to_server}
    parts = {}
    for name, add in adders.items():

        def register(server: grpc.aio.Server, add=add):
            add(peers, server)

        server = serve("127.0.0.1", 0, identities.issue(name), [register], RPC_CALLERS)
        await server.start()
        link = channel(f"127.0.0.1:{server.port}", identities.issue("gateway"), server_name=name)
        await link.start()
        parts[name] = (server, link)
    yield ChallengePeer(parts["challenge"][1]), PseudonymPeer(parts["pseudonym"][1])
    for server, link in parts.values():
        await link.stop()
        await server.stop()


async def test_what_is_asked_and_answered(peers, connected):
    challenges, pseudonyms = connected
    issued = await challenges.issue(LOGIN, EPOCH, sheets={"app_link": b"a", "qr": b"q"}, **TIMES)
    assert (issued.handle, issued.link_secret, issued.qr_secret) == (b"h" * 16, b"l" * 16, b"q" * 32)
    assert await challenges.withdraw(LOGIN, EPOCH) is True
    await challenges.post_notice(LOGIN, EPOCH, b"notice")
    subject = {"sealed_subject": b"s", "label": b"l", "blind": b"b", "key_version": 2}
    assert await pseudonyms.derive_sub(LOGIN, EPOCH, **subject) == "pairwise"
    issue, _, notice, derive = peers.asked
    assert (issue.expires_at, issue.verdict_due_at, issue.network_digest) == (1300, 4000, b"n")
    assert {sheet.transport: sheet.sealed for sheet in issue.sheets} == {
        evidence.TRANSPORT_APP_LINK: b"a",
        evidence.TRANSPORT_QR: b"q",
    }
    assert notice.notice == b"notice"
    assert (derive.sector_label, derive.commitment_blind, derive.key_version) == (b"l", b"b", 2)
    assert all((request.login_id, request.epoch) == (LOGIN, EPOCH) for request in peers.asked)


@pytest.mark.parametrize(
    ("code", "meaning"), [(Code.NOT_FOUND, False), (Code.FAILED_PRECONDITION, None), (Code.CONFLICT, None)]
)
async def test_what_a_refused_withdrawal_means(peers, connected, code, meaning):
    peers.refusal = code
    assert await connected[0].withdraw(LOGIN, EPOCH) is meaning


@pytest.mark.parametrize("code", [Code.INTERNAL, Code.PERMISSION_DENIED])
async def test_other_refusals_of_a_withdrawal_say_nothing_about_the_login(peers, connected, code):
    peers.refusal = code
    with pytest.raises(ShirushiError):
        await connected[0].withdraw(LOGIN, EPOCH)


async def test_a_peer_that_is_away_is_unavailable(tmp_path):
    link = channel("127.0.0.1:9", Identities(tmp_path / "pki").issue("gateway"), server_name="challenge")
    await link.start()
    with pytest.raises(Unavailable):
        await ChallengePeer(link).withdraw(LOGIN, EPOCH)
    await link.stop()
