"""Decides which sealing public keys are kept and handed out.

The directory vouches for nothing: whoever takes a key from it checks the service's own signature. What is checked here
keeps rubbish out, keeps one service from speaking for another, and bounds how much is kept.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from kit.errors import Code, ShirushiError, Unavailable

# HPKE MLKEM768_X25519: 1184 bytes of ML-KEM-768 and 32 of X25519.
PUBLIC_KEY_BYTES = 1216
SIGNATURE_BYTES = 64
# The open window is 75 epochs; one more for the minute that begins while a request is under way.
MAX_KEYS_A_REQUEST = 76


@dataclass(frozen=True, slots=True)
class SealingStatement:
    """A service says: this is my sealing key of this epoch and chain; `signature` is its Ed25519 over that."""

    service: str
    epoch: int
    chain_id: bytes
    public_key: bytes
    signature: bytes


class Directory:
    """The sealing keys of the open epochs by service and epoch; a key of another chain is never handed out."""

    def __init__(self, statement_is_signed: Callable[[SealingStatement], bool]) -> None:
        """Takes the check of a statement's signature against the signers that the rights name for its service."""
        self._statement_is_signed = statement_is_signed
        self._statements: dict[tuple[str, int], SealingStatement] = {}

    def accept(
        self, statements: Iterable[SealingStatement], *, caller: str, window: range, chain_id: bytes
    ) -> list[SealingStatement]:
        """Keeps a caller's statements, all or none; returns those that were not kept already.

        Raises:
            ShirushiError: INVALID_ARGUMENT for too many or a wrong size, PERMISSION_DENIED for another service's or a
                wrongly signed one, FAILED_PRECONDITION for an epoch that is not open yet, UNAVAILABLE for another
                chain's: the caller has to fetch shares again first.
        """
        fresh: list[SealingStatement] = []
        for count, statement in enumerate(statements, start=1):
            if count > MAX_KEYS_A_REQUEST:
                raise ShirushiError(
                    Code.INVALID_ARGUMENT, f"more than {MAX_KEYS_A_REQUEST} keys", reason="too_many_keys"
                )
            self._check(statement, caller, window, chain_id)
            if statement.epoch < window.start:
                # It closed while the request was under way: nothing can be sealed for it any more.
                continue
            if self._statements.get((statement.service, statement.epoch)) != statement:
                if not self._statement_is_signed(statement):
                    raise ShirushiError(
                        Code.PERMISSION_DENIED,
                        "a sealing key is not signed by its service",
                        reason="sealing_key_signature_invalid",
                    )
                fresh.append(statement)
        for statement in fresh:
            self._statements[statement.service, statement.epoch] = statement
        self._forget_before(window.start)
        return fresh

    def restore(self, statements: Iterable[SealingStatement]) -> None:
        """Takes up statements that were kept by an earlier life of this service; unsigned ones are left out."""
        for statement in statements:
            if self._statement_is_signed(statement):
                self._statements[statement.service, statement.epoch] = statement

    def forget(self, statements: Iterable[SealingStatement]) -> None:
        """Takes statements back that could not be kept for good."""
        for statement in statements:
            if self._statements.get((statement.service, statement.epoch)) == statement:
                del self._statements[statement.service, statement.epoch]

    def find(
        self, service: str, first_epoch: int, last_epoch: int, *, window: range, chain_id: bytes
    ) -> list[SealingStatement]:
        """The service's keys of those asked epochs that are open; possibly none.

        Raises:
            ShirushiError: INVALID_ARGUMENT when last_epoch is before first_epoch.
        """
        if last_epoch < first_epoch:
            raise ShirushiError(Code.INVALID_ARGUMENT, "last_epoch is before first_epoch", reason="epochs_reversed")
        asked = range(max(window.start, first_epoch), min(window.stop, last_epoch + 1))
        found = (self._statements.get((service, epoch)) for epoch in asked)
        return [statement for statement in found if statement is not None and statement.chain_id == chain_id]

    def _check(self, statement: SealingStatement, caller: str, window: range, chain_id: bytes) -> None:
        if statement.service != caller:
            raise ShirushiError(
                Code.PERMISSION_DENIED, "a sealing key names another service", reason="sealing_key_of_another"
            )
        if len(statement.public_key) != PUBLIC_KEY_BYTES or len(statement.signature) != SIGNATURE_BYTES:
            raise ShirushiError(
                Code.INVALID_ARGUMENT, "a sealing key or its signature has the wrong size", reason="sealing_key_size"
            )
        if statement.chain_id != chain_id:
            # Not a fault of the caller: audit-purge began a new chain after it had given the shares.
            raise Unavailable("a sealing key is of another chain; get shares again", reason="chain_unknown")
        if statement.epoch >= window.stop:
            raise ShirushiError(
                Code.FAILED_PRECONDITION, "a sealing key's epoch is not open yet", reason="epoch_not_open"
            )

    def _forget_before(self, oldest: int) -> None:
        for key in [key for key in self._statements if key[1] < oldest]:
            del self._statements[key]
