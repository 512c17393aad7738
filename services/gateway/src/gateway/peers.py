"""Challenge and pseudonym over gRPC, as the decisions about logins know them."""

from kit.errors import Code, ShirushiError
from kit.rpc import Channel, call
from shirushi.challenge.v1 import challenge_pb2 as challenge
from shirushi.challenge.v1.challenge_pb2_grpc import ChallengeServiceStub
from shirushi.evidence.v1 import evidence_pb2 as evidence
from shirushi.pseudonym.v1 import pseudonym_pb2 as pseudonym
from shirushi.pseudonym.v1.pseudonym_pb2_grpc import PseudonymServiceStub

from gateway.domain.ports import IssuedChallenge

_TIMEOUT_SECONDS = 5.0
_TRANSPORTS = {"app_link": evidence.TRANSPORT_APP_LINK, "qr": evidence.TRANSPORT_QR}
_ENDED = frozenset({Code.FAILED_PRECONDITION, Code.CONFLICT, Code.ALREADY_EXISTS})


class ChallengePeer:
    """See `gateway.domain.ports.Challenges`."""

    def __init__(self, channel: Channel) -> None:
        self._stub = channel.stub(ChallengeServiceStub)

    async def issue(
        self,
        login_id: bytes,
        epoch: int,
        *,
        sheets: dict[str, bytes],
        expires_at: float,
        verdict_due_at: float,
        network: bytes,
    ) -> IssuedChallenge:
        """Issues a challenge; the same login id again answers the same, so a lost answer may be asked for again."""
        request = challenge.IssueRequest(
            login_id=login_id,
            epoch=epoch,
            sheets=[
                challenge.SealedSheet(transport=_TRANSPORTS[transport], sealed=sealed)
                for transport, sealed in sheets.items()
            ],
            expires_at=int(expires_at),
            verdict_due_at=int(verdict_due_at),
            network_digest=network,
        )
        answer = await call(self._stub.Issue, request, _TIMEOUT_SECONDS)
        return IssuedChallenge(answer.handle, answer.link_secret, answer.qr_secret)

    async def withdraw(self, login_id: bytes, epoch: int) -> bool | None:
        """Withdraws an unanswered challenge."""
        request = challenge.WithdrawRequest(login_id=login_id, epoch=epoch)
        try:
            answer = await call(self._stub.Withdraw, request, _TIMEOUT_SECONDS)
        except ShirushiError as error:
            if error.code is Code.NOT_FOUND:
                return False
            if error.code in _ENDED:
                return None
            raise
        return answer.claimed

    async def post_notice(self, login_id: bytes, epoch: int, notice: bytes) -> None:
        """Hands the phone's notice over."""
        request = challenge.PostNoticeRequest(login_id=login_id, epoch=epoch, notice=notice)
        await call(self._stub.PostNotice, request, _TIMEOUT_SECONDS)


class PseudonymPeer:
    """See `gateway.domain.ports.Pseudonyms`."""

    def __init__(self, channel: Channel) -> None:
        self._stub = channel.stub(PseudonymServiceStub)

    async def derive_sub(
        self, login_id: bytes, epoch: int, *, sealed_subject: bytes, label: bytes, blind: bytes, key_version: int
    ) -> str:
        """Returns the pairwise subject."""
        request = pseudonym.DeriveSubRequest(
            login_id=login_id,
            epoch=epoch,
            sealed_subject=sealed_subject,
            sector_label=label,
            commitment_blind=blind,
            key_version=key_version,
        )
        answer = await call(self._stub.DeriveSub, request, _TIMEOUT_SECONDS)
        return answer.sub
