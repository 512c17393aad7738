"""Decides a request for a subject: what is checked, and in which order.

Checks that need nothing but the request come first, then opening what the verifier sealed, then the store: a request
that can never succeed writes nothing and cannot take the login's one sector.
"""

from dataclasses import dataclass
from typing import Protocol

from kit.errors import Code, ShirushiError

from pseudonym.domain.one_sector import FirstSectors, hold_to_one_sector
from pseudonym.domain.pairwise_sub import HANDLE_BYTES, PairwiseKeys
from pseudonym.domain.sector_commitment import (
    BLIND_BYTES,
    COMMITMENT_BYTES,
    LABEL_BYTES,
    check_sector_commitment,
)

LOGIN_ID_BYTES = 16
# The handle's payload is padded to 512 bytes; with X-Wing's encapsulated key (1120 bytes), tag, clear fields and
# signature the envelope stays under 2 KiB. The bound leaves one doubling of the payload.
MAX_SEALED_SUBJECT_BYTES = 4096


@dataclass(frozen=True, slots=True, repr=False)
class SubRequest:
    """What the gateway asks: which login, what the verifier sealed for it, and the opened sector commitment."""

    login_id: bytes
    epoch: int
    sealed_subject: bytes
    sector_label: bytes
    commitment_blind: bytes
    key_version: int


@dataclass(frozen=True, slots=True, repr=False)
class Subject:
    """What the verifier sealed: the login it is about, the keyed handle of the root subject, the commitment."""

    login_id: bytes
    epoch: int
    handle: bytes
    sector_commitment: bytes


class SubjectOpener(Protocol):
    """Opens what the verifier sealed to pseudonym and checks that the verifier signed it."""

    def open(self, sealed_subject: bytes) -> Subject:
        """Returns the subject inside.

        Raises:
            ShirushiError: FAILED_PRECONDITION when it cannot be opened or its key is gone, UNAVAILABLE when the key
                is not there yet.
        """
        ...


async def derive_sub(request: SubRequest, *, keys: PairwiseKeys, subjects: SubjectOpener, sectors: FirstSectors) -> str:
    """Answers the pairwise `sub` of a verified login for the one sector that its commitment names.

    Not checked here: that the caller is the gateway (the RPC rights do), that the login was verified (the verifier
    seals a handle only then), that the binding is the gateway's own (it compares it before it asks).

    Raises:
        ShirushiError: INVALID_ARGUMENT for a field of the wrong size, FAILED_PRECONDITION for one that can never be
            answered, UNAVAILABLE for one that may be asked again.
    """
    check_sizes(request)
    keys.check_version(request.key_version)
    subject = subjects.open(request.sealed_subject)
    check_same_login(request, subject)
    check_subject(subject)
    check_sector_commitment(request.sector_label, request.commitment_blind, subject.sector_commitment)
    await hold_to_one_sector(sectors, request.login_id, request.epoch, request.sector_label, request.key_version)
    return keys.sub(request.key_version, request.sector_label, subject.handle)


def check_sizes(request: SubRequest) -> None:
    """Refuses a field that is absent or of another size than the contract's.

    Raises:
        ShirushiError: INVALID_ARGUMENT, naming the field.
    """
    for name, value, size in (
        ("login_id", request.login_id, LOGIN_ID_BYTES),
        ("sector_label", request.sector_label, LABEL_BYTES),
        ("commitment_blind", request.commitment_blind, BLIND_BYTES),
    ):
        if len(value) != size:
            raise ShirushiError(Code.INVALID_ARGUMENT, f"{name} is not {size} bytes", reason=f"{name}_size")
    if not 1 <= len(request.sealed_subject) <= MAX_SEALED_SUBJECT_BYTES:
        raise ShirushiError(
            Code.INVALID_ARGUMENT,
            f"sealed_subject is not between 1 and {MAX_SEALED_SUBJECT_BYTES} bytes",
            reason="sealed_subject_size",
        )


def check_same_login(request: SubRequest, subject: Subject) -> None:
    """Refuses a subject that the verifier sealed for another login or epoch than the request names.

    Raises:
        ShirushiError: FAILED_PRECONDITION, `subject_of_another_login`.
    """
    if (subject.login_id, subject.epoch) != (request.login_id, request.epoch):
        raise ShirushiError(
            Code.FAILED_PRECONDITION, "sealed_subject is about another login", reason="subject_of_another_login"
        )


def check_subject(subject: Subject) -> None:
    """Refuses a handle or commitment of another size: a short handle would let two people share a `sub`.

    Raises:
        ShirushiError: FAILED_PRECONDITION, `subject_malformed`.
    """
    if len(subject.handle) != HANDLE_BYTES or len(subject.sector_commitment) != COMMITMENT_BYTES:
        raise ShirushiError(Code.FAILED_PRECONDITION, "sealed_subject is malformed", reason="subject_malformed")
