import pytest

from kit.clock import FixedClock
from kit.hour import Hour
from kit.testing.fake_custody import FakeDeployment
from kit.testing.fake_store import FakeStore

T0 = 1_763_856_000.0
LOGIN = b"L" * 16


@pytest.fixture
def hour():
    return Hour()


@pytest.fixture
def clock():
    return FixedClock(T0)


@pytest.fixture
def epoch(hour):
    return hour.epoch_of(T0)


@pytest.fixture
async def deployment(hour, clock):
    return await FakeDeployment(hour, clock).start()


@pytest.fixture
def store(deployment, clock):
    return FakeStore("audit-purge", deployment.custodies["audit-purge"], clock)
