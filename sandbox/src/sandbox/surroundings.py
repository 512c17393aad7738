"""What the supervisor hands to each helper process of the sandbox, by environment variables."""

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Surroundings:
    """Where this process listens and where everything else is; `addresses` is run/addresses.json."""

    state: Path
    host: str
    port: int
    certificate: Path
    key: Path
    web_ca: Path
    addresses: dict[str, Any]


def read() -> Surroundings:
    """Reads the environment.

    Raises:
        KeyError: A variable is missing, so this process was not started by the supervisor.
    """
    state = Path(os.environ["SANDBOX_STATE"])
    addresses = Path(os.environ["SANDBOX_ADDRESSES"])
    return Surroundings(
        state=state,
        host=os.environ.get("SANDBOX_HOST", "127.0.0.1"),
        port=int(os.environ["SANDBOX_PORT"]),
        certificate=Path(os.environ.get("SANDBOX_CERTIFICATE", "")),
        key=Path(os.environ.get("SANDBOX_KEY", "")),
        web_ca=Path(os.environ.get("SANDBOX_WEB_CA", "")),
        addresses=json.loads(addresses.read_text()) if addresses.exists() else {},
    )
