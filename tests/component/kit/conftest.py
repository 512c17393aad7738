import logging

import pytest
import structlog

from kit import log
from tests.support.identities import Identities


@pytest.fixture
def identities(tmp_path):
    return Identities(tmp_path / "pki")


@pytest.fixture
def written(capsys):
    """Logging as in operation; call it for everything that was written."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    log.configure("test")
    yield lambda: "".join(capsys.readouterr())
    structlog.reset_defaults()
    root.handlers[:] = handlers
    root.setLevel(level)
    logging.captureWarnings(capture=False)
