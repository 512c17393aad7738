"""Serves one service its shares and the directory of sealing keys, whether it asks over gRPC or is this process."""

from collections.abc import Callable, Sequence
from typing import Protocol

from kit.custody import Shares
from kit.errors import Unavailable
from shirushi.audit_purge.v1 import custody_pb2 as pb

from audit_purge.domain.directory import Directory, SealingStatement
from audit_purge.domain.keeper import Keeper, Share


class KeptDirectory(Protocol):
    """Keeps the directory over restarts."""

    async def keep(self, statements: list[SealingStatement]) -> None:
        """Keeps statements; UNAVAILABLE when the store is away."""
        ...


class Desk:
    """Answers for the keeper and the directory; who asks was established by the transport."""

    def __init__(
        self, *, keeper: Keeper, is_keeper: Callable[[], bool], directory: Directory, kept: KeptDirectory
    ) -> None:
        self._keeper = keeper
        self._is_keeper = is_keeper
        self._directory = directory
        self._kept = kept

    def shares(self, service: str, first_epoch: int, last_epoch: int) -> tuple[bytes, list[Share]]:
        """Returns the chain's id and the service's own shares of the open epochs among those asked.

        Raises:
            ShirushiError: INVALID_ARGUMENT for reversed epochs.
            Unavailable: this replica does not hold the registered chain.
        """
        self._check_keeper()
        return self._keeper.chain_id, self._keeper.shares(service, first_epoch, last_epoch)

    async def publish(self, service: str, statements: Sequence[SealingStatement]) -> None:
        """Keeps a service's sealing keys.

        In memory first, so that they are found at once; a store that is away makes the service publish again.

        Raises:
            ShirushiError: see `Directory.accept`.
            Unavailable: this replica does not hold the registered chain, or the store is away.
        """
        self._check_keeper()
        window = self._keeper.open_epochs()
        fresh = self._directory.accept(statements, caller=service, window=window, chain_id=self._keeper.chain_id)
        if not fresh:
            return
        try:
            await self._kept.keep(fresh)
        except BaseException:
            # Taken back, so that the next try is not mistaken for one that is already kept. Also where the caller's
            # deadline ended the storing: it will ask again.
            self._directory.forget(fresh)
            raise

    def sealing_keys(self, service: str, first_epoch: int, last_epoch: int) -> list[SealingStatement]:
        """Returns what a service published for the open epochs among those asked.

        Raises:
            ShirushiError: INVALID_ARGUMENT for reversed epochs.
            Unavailable: this replica does not hold the registered chain.
        """
        self._check_keeper()
        return self._directory.find(
            service, first_epoch, last_epoch, window=self._keeper.open_epochs(), chain_id=self._keeper.chain_id
        )

    def _check_keeper(self) -> None:
        if not self._is_keeper():
            raise Unavailable("this replica holds no registered chain", reason="not_keeper")


class OwnShares:
    """The share source of audit-purge itself: the same desk, without a wire."""

    def __init__(self, desk: Callable[[], Desk], service: str) -> None:
        """Takes how to find the desk: it keeps its directory in the store, whose keys come from here."""
        self._desk = desk
        self._service = service

    async def shares(self, first_epoch: int, last_epoch: int) -> Shares:
        """See `kit.custody.ShareSource`."""
        chain_id, shares = self._desk().shares(self._service, first_epoch, last_epoch)
        return Shares(chain_id, {share.epoch: share.share for share in shares})

    async def publish(self, keys: Sequence[pb.SealingKey]) -> None:
        """See `kit.custody.ShareSource`."""
        await self._desk().publish(self._service, [from_wire(key) for key in keys])

    async def sealing_keys(self, service: str, first_epoch: int, last_epoch: int) -> Sequence[pb.SealingKey]:
        """See `kit.custody.ShareSource`."""
        return [to_wire(held) for held in self._desk().sealing_keys(service, first_epoch, last_epoch)]


def to_wire(statement: SealingStatement) -> pb.SealingKey:
    """Puts a statement into its wire message."""
    return pb.SealingKey(
        service=statement.service,
        epoch=statement.epoch,
        chain_id=statement.chain_id,
        public_key=statement.public_key,
        signature=statement.signature,
    )


def from_wire(key: pb.SealingKey) -> SealingStatement:
    """Reads a statement; nothing is checked yet."""
    return SealingStatement(key.service, key.epoch, key.chain_id, key.public_key, key.signature)
