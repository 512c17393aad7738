"""The gRPC service for the gateway: bytes to domain values, a call, and back. The kit's server renders errors."""

from typing import Any

import grpc
from kit.errors import Code, ShirushiError
from kit.log import get_logger
from shirushi.challenge.v1 import challenge_pb2 as pb
from shirushi.challenge.v1 import challenge_pb2_grpc as pb_grpc

from challenge.domain.dispatch import Dispatch
from challenge.domain.issue_request import IssueRequest
from challenge.domain.token import Transport
from challenge.events import TRANSPORTS

_DOMAIN_TRANSPORTS: dict[int, Transport] = {wire: transport for transport, wire in TRANSPORTS.items()}


class ChallengeService(pb_grpc.ChallengeServiceServicer):
    """What the gateway may ask; who calls was checked before by the peer check of the rights table."""

    def __init__(self, dispatch: Dispatch) -> None:
        self._dispatch = dispatch

    async def Issue(self, request: pb.IssueRequest, context: Any) -> pb.IssueResponse:  # noqa: ARG002, N802 - gRPC
        """Issue the challenge of a login; idempotent by login id."""
        given = await self._dispatch.issue(
            IssueRequest(
                login_id=request.login_id,
                epoch=request.epoch,
                sheets=_sheets(request),
                expires_at=request.expires_at,
                verdict_due_at=request.verdict_due_at,
                network_digest=request.network_digest,
            )
        )
        get_logger().debug("challenge_issued", login_id=request.login_id.hex())
        return pb.IssueResponse(
            handle=given.handle, link_secret=given.secrets.link_secret, qr_secret=given.secrets.qr_secret
        )

    async def Withdraw(self, request: pb.WithdrawRequest, context: Any) -> pb.WithdrawResponse:  # noqa: ARG002, N802 - gRPC
        """Withdraw an unanswered challenge."""
        claimed = await self._dispatch.withdraw(request.login_id)
        get_logger().info("challenge_withdrawn", login_id=request.login_id.hex(), claimed=claimed)
        return pb.WithdrawResponse(claimed=claimed)

    async def PostNotice(self, request: pb.PostNoticeRequest, context: Any) -> pb.PostNoticeResponse:  # noqa: ARG002, N802 - gRPC
        """Keep a refusal's notice for the phone."""
        await self._dispatch.post_notice(request.login_id, request.notice)
        return pb.PostNoticeResponse()


def add_to(server: grpc.aio.Server, dispatch: Dispatch) -> None:
    """Register the service on a server."""
    pb_grpc.add_ChallengeServiceServicer_to_server(ChallengeService(dispatch), server)


def _sheets(request: pb.IssueRequest) -> dict[Transport, bytes]:
    sheets: dict[Transport, bytes] = {}
    for sheet in request.sheets:
        transport = _DOMAIN_TRANSPORTS.get(sheet.transport)
        if transport is None or transport in sheets:
            raise ShirushiError(Code.INVALID_ARGUMENT, "sheets must have one known transport each, none twice")
        sheets[transport] = sheet.sealed
    return sheets
