import dataclasses

import pytest
from kit.errors import Code, ShirushiError
from pseudonym.domain.derivation import Subject, SubRequest
from pseudonym.domain.pairwise_sub import PairwiseKeys
from pseudonym.domain.sector_commitment import sector_commitment

LOGIN, EPOCH = b"L" * 16, 29_397_600
LABEL, BLIND, HANDLE = b"S" * 32, b"B" * 32, b"H" * 32


class RememberedSectors:
    """First sectors as the store keeps them; counts how often it was asked."""

    def __init__(self) -> None:
        self.kept: dict[tuple[bytes, int], bytes] = {}
        self.asked = 0

    async def first(self, login_id, epoch, sector):
        self.asked += 1
        return self.kept.setdefault((login_id, epoch), sector)


class OpenedSubjects:
    """Opens anything to the subject that the test chose."""

    def __init__(self, subject: Subject) -> None:
        self.subject = subject
        self.refusal: ShirushiError | None = None
        self.opened = 0

    def open(self, sealed_subject):
        self.opened += 1
        if self.refusal:
            raise self.refusal
        return self.subject


@pytest.fixture
def keys():
    return PairwiseKeys({1: b"\x01" * 32, 2: b"\x02" * 32})


@pytest.fixture
def request_():
    return SubRequest(LOGIN, EPOCH, b"sealed", LABEL, BLIND, 1)


@pytest.fixture
def sectors():
    return RememberedSectors()


@pytest.fixture
def subjects():
    return OpenedSubjects(Subject(LOGIN, EPOCH, HANDLE, sector_commitment(LABEL, BLIND)))


@pytest.fixture
def gone():
    return ShirushiError(Code.FAILED_PRECONDITION, "the keys of this login are gone", reason="login_expired")


@pytest.fixture
def replace():
    return dataclasses.replace
