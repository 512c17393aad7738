"""Translates the custody RPCs. A caller is who its client certificate says; no field of a request can change that."""

from typing import Any

from kit.errors import Code, ShirushiError
from kit.rpc import caller
from shirushi.audit_purge.v1 import custody_pb2 as pb
from shirushi.audit_purge.v1.custody_pb2_grpc import CustodyServiceServicer

from audit_purge.desk import Desk, from_wire, to_wire
from audit_purge.domain.directory import MAX_KEYS_A_REQUEST
from audit_purge.metrics import Metrics

_MAX_SERVICE_NAME = 64

# gRPC's own; its stubs are not subscriptable at run time.
Context = Any


class CustodyService(CustodyServiceServicer):
    """The gRPC surface of audit-purge."""

    def __init__(self, desk: Desk, metrics: Metrics) -> None:
        self._desk = desk
        self._metrics = metrics

    async def GetShares(  # noqa: N802 - the contract's name
        self,
        request: pb.GetSharesRequest,
        context: Context,  # noqa: ARG002 - see `caller`
    ) -> pb.GetSharesResponse:
        """Hands the caller its own shares."""
        service = caller()
        chain_id, shares = self._desk.shares(service, request.first_epoch, request.last_epoch)
        self._metrics.shares_given(service, len(shares))
        return pb.GetSharesResponse(
            chain_id=chain_id,
            shares=[pb.Share(epoch=held.epoch, share=held.share, commitment=held.commitment) for held in shares],
        )

    async def PublishSealingKeys(  # noqa: N802 - the contract's name
        self,
        request: pb.PublishSealingKeysRequest,
        context: Context,  # noqa: ARG002 - see `caller`
    ) -> pb.PublishSealingKeysResponse:
        """Keeps the caller's sealing keys in the directory."""
        if len(request.keys) > MAX_KEYS_A_REQUEST:
            raise ShirushiError(Code.INVALID_ARGUMENT, f"more than {MAX_KEYS_A_REQUEST} keys", reason="too_many_keys")
        await self._desk.publish(caller(), [from_wire(key) for key in request.keys])
        return pb.PublishSealingKeysResponse()

    async def GetSealingKeys(  # noqa: N802 - the contract's name
        self,
        request: pb.GetSealingKeysRequest,
        context: Context,  # noqa: ARG002 - who asks makes no difference
    ) -> pb.GetSealingKeysResponse:
        """Looks a service's sealing keys up; they are public among the services."""
        if len(request.service) > _MAX_SERVICE_NAME:
            raise ShirushiError(Code.INVALID_ARGUMENT, "service is too long", reason="service_size")
        found = self._desk.sealing_keys(request.service, request.first_epoch, request.last_epoch)
        return pb.GetSealingKeysResponse(keys=[to_wire(held) for held in found])
