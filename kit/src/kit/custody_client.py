"""The share source of every service but audit-purge: its custody RPCs."""

from collections.abc import Sequence

from shirushi.audit_purge.v1 import custody_pb2 as pb
from shirushi.audit_purge.v1.custody_pb2_grpc import CustodyServiceStub

from kit.custody import Shares
from kit.rpc import Channel, call

_TIMEOUT_SECONDS = 5.0


class RpcShareSource:
    """Asks audit-purge; its identity is the channel's client certificate."""

    def __init__(self, channel: Channel) -> None:
        self._channel = channel

    async def shares(self, first_epoch: int, last_epoch: int) -> Shares:
        """See `kit.custody.ShareSource`."""
        stub = self._channel.stub(CustodyServiceStub)
        request = pb.GetSharesRequest(first_epoch=first_epoch, last_epoch=last_epoch)
        answer = await call(stub.GetShares, request, _TIMEOUT_SECONDS)
        return Shares(answer.chain_id, {share.epoch: share.share for share in answer.shares})

    async def publish(self, keys: Sequence[pb.SealingKey]) -> None:
        """See `kit.custody.ShareSource`."""
        stub = self._channel.stub(CustodyServiceStub)
        await call(stub.PublishSealingKeys, pb.PublishSealingKeysRequest(keys=keys), _TIMEOUT_SECONDS)

    async def sealing_keys(self, service: str, first_epoch: int, last_epoch: int) -> Sequence[pb.SealingKey]:
        """See `kit.custody.ShareSource`."""
        stub = self._channel.stub(CustodyServiceStub)
        request = pb.GetSealingKeysRequest(service=service, first_epoch=first_epoch, last_epoch=last_epoch)
        answer = await call(stub.GetSealingKeys, request, _TIMEOUT_SECONDS)
        return list(answer.keys)
