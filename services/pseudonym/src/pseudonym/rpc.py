"""Translates DeriveSub between the wire and the domain. Who may call is decided by the rights, before this."""

from typing import Any

from kit.errors import ShirushiError
from shirushi.pseudonym.v1.pseudonym_pb2 import DeriveSubRequest, DeriveSubResponse
from shirushi.pseudonym.v1.pseudonym_pb2_grpc import PseudonymServiceServicer

from pseudonym.domain.derivation import SubjectOpener, SubRequest, derive_sub
from pseudonym.domain.one_sector import FirstSectors
from pseudonym.domain.pairwise_sub import PairwiseKeys
from pseudonym.metrics import Metrics


class PseudonymService(PseudonymServiceServicer):
    """The gRPC surface of pseudonym."""

    def __init__(self, *, keys: PairwiseKeys, subjects: SubjectOpener, sectors: FirstSectors, metrics: Metrics) -> None:
        self._keys = keys
        self._subjects = subjects
        self._sectors = sectors
        self._metrics = metrics

    async def DeriveSub(  # noqa: N802 - the contract's name
        self,
        request: DeriveSubRequest,
        context: Any,  # noqa: ARG002 - gRPC's own, nothing in it is read
    ) -> DeriveSubResponse:
        """Answers the pairwise subject; refusals go up as ShirushiError."""
        try:
            sub = await derive_sub(
                SubRequest(
                    login_id=request.login_id,
                    epoch=request.epoch,
                    sealed_subject=request.sealed_subject,
                    sector_label=request.sector_label,
                    commitment_blind=request.commitment_blind,
                    key_version=request.key_version,
                ),
                keys=self._keys,
                subjects=self._subjects,
                sectors=self._sectors,
            )
        except ShirushiError as error:
            self._metrics.answered(error.reason)
            raise
        self._metrics.answered("derived")
        return DeriveSubResponse(sub=sub)
