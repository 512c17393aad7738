import pytest
import sandbox.ca
from sandbox.ca import authority


@pytest.fixture(scope="session")
def state(tmp_path_factory):
    """A sandbox state folder with the authority and every card issued."""
    folder = tmp_path_factory.mktemp("state")
    sandbox.ca.ensure(folder)
    return folder


@pytest.fixture(scope="session")
def test_authority(state):
    return authority.ensure(state)
