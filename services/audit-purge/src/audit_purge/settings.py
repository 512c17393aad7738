"""The settings of audit-purge, read once in `app.main`."""

import os
from pathlib import Path, PurePath
from typing import Self

from kit.settings import ServiceSettings
from pydantic import Field, model_validator


def _default_state_directory() -> PurePath:
    return PurePath(os.environ.get("XDG_RUNTIME_DIR") or "/dev/shm") / "shirushi-audit-purge"  # noqa: S108 - tmpfs is meant


class Settings(ServiceSettings):
    """What audit-purge is told beside what every service is."""

    rpc_host: str = Field(default="127.0.0.1", description="Address of the gRPC server.")
    rpc_port: int = Field(default=9105, ge=0, le=65535, description="Port of the gRPC server; 0 takes any free one.")
    public_host: str = Field(default="127.0.0.1", description="Address of the HTTPS server for auditors.")
    public_port: int = Field(
        default=8445, ge=0, le=65535, description="Port of the HTTPS server for auditors; 0 takes any free one."
    )
    public_tls_certificate: Path = Field(description="PEM chain of the HTTPS server for auditors.")
    public_tls_key: Path = Field(description="PEM key of the HTTPS server for auditors.")
    # Not a Path: those must be readable when the process starts, this one is made by it.
    state_dir: PurePath = Field(
        default_factory=_default_state_directory,
        description="Directory of the deadline secrets, mode 0700, on a memory-backed file system (tmpfs).",
    )
    state_on_any_file_system: bool = Field(
        default=False, description="Accept a state_dir that is not memory-backed; refused outside test_mode."
    )
    receipt_days: int = Field(
        default=400, ge=1, le=3660, description="How long purge receipts are kept and handed out to auditors."
    )

    @model_validator(mode="after")
    def _secrets_stay_in_memory(self) -> Self:
        if self.state_on_any_file_system and not self.test_mode:
            raise ValueError("state_on_any_file_system is for tests: it needs test_mode")
        return self
