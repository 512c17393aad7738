import pytest
from kit.clock import FixedClock
from kit.hour import Hour
from kit.testing.fake_custody import FakeDeployment
from pseudonym.domain.sector_commitment import sector_commitment
from shirushi.bus.v1 import envelope_pb2 as bus
from shirushi.verifier.v1.events_pb2 import SubjectHandle

T0 = 1_763_856_000.0
LOGIN, LABEL, BLIND, HANDLE = b"L" * 16, b"S" * 32, b"B" * 32, b"H" * 32
COMMITMENT = sector_commitment(LABEL, BLIND)


@pytest.fixture
def clock():
    return FixedClock(T0)


@pytest.fixture
def epoch():
    return Hour().epoch_of(T0)


@pytest.fixture
async def deployment(clock):
    return await FakeDeployment(Hour(), clock).start()


@pytest.fixture
def seal(deployment, epoch):
    """Seals a subject as the verifier does."""

    async def seal_(login_id=LOGIN, at=epoch, handle=HANDLE, commitment=COMMITMENT):
        return await deployment.codecs["verifier"].seal_inner(
            bus.EVENT_TYPE_SUBJECT_HANDLE,
            login_id,
            at,
            SubjectHandle(handle=handle, sector_commitment=commitment),
        )

    return seal_
