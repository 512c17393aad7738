"""What every service is told when it starts. Secrets come as paths; the environment carries no secret itself."""

import json
import os
import socket
import sys
from pathlib import Path
from typing import Any, Self, TypeVar

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from pydantic import Field, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from kit.encoding import unb64u
from kit.hour import Hour

MAX_SECRET_FILE_BYTES = 4096
ED25519_PUBLIC_BYTES = 32


class ServiceSettings(BaseSettings):
    """The settings that all services share; each adds its own in a subclass."""

    model_config = SettingsConfigDict(
        env_prefix="SHIRUSHI_",
        frozen=True,
        extra="ignore",
        # A rejected value may be half of a secret that was put in the wrong place: never repeat it.
        hide_input_in_errors=True,
    )

    instance: str = Field(
        default_factory=socket.gethostname,
        pattern=r"^[A-Za-z0-9._-]{1,63}$",
        description="Name of this replica, the same after a restart; static Kafka group membership rests on it.",
    )
    kafka_bootstrap: str = Field(
        default="localhost:9093", description="Kafka brokers to start from, as host:port, comma-separated."
    )
    kafka_tls: bool = Field(
        default=True, description="Speak mutual TLS to Kafka; off only for a broker on a test's loopback."
    )
    mongodb_uri: str = Field(
        default="mongodb://localhost:27017/?replicaSet=shirushi",
        description="MongoDB connection string without credentials; the service proves itself with its certificate.",
    )
    mongodb_client_pem: Path | None = Field(
        default=None, description="One file with the key and certificate for MongoDB X.509; none means no TLS."
    )
    tls_certificate: Path = Field(
        description="PEM chain of the service's internal identity (CN is the service, OU is services)."
    )
    tls_key: Path = Field(description="PEM key of the internal identity.")
    tls_ca: Path = Field(description="PEM of the authority that every internal identity is issued by.")
    signing_key: Path = Field(description="Ed25519 key (PKCS #8 PEM) with which the service signs its events.")
    signers: Path = Field(
        description='JSON: who signs with which keys, {"gateway": ["<base64url of the raw Ed25519 public key>"]}.'
    )
    service_secret: Path = Field(
        description="32 bytes in hexadecimal: the service's own half of every deadline key (two of two)."
    )
    audit_purge_target: str = Field(
        default="localhost:9105", description="gRPC address of audit-purge, host:port; replicas comma-separated."
    )
    management_host: str = Field(default="127.0.0.1", description="Address of /metrics, /livez and /readyz.")
    management_port: int = Field(
        default=9100, ge=0, le=65535, description="Port of /metrics, /livez and /readyz; 0 takes any free one."
    )
    hour_seconds: float = Field(
        default=3600.0,
        ge=30,
        le=3600,
        description="How long everything about a login lives; all its times scale with it. Less than 3600 only in tests.",
    )
    log_level: str = Field(
        default="info", pattern=r"^(debug|info|warning|error)$", description="Least severe level that is logged."
    )
    otlp_endpoint: str | None = Field(
        default=None,
        description="OTLP/HTTP address that spans are sent to; no tracing without it. So far the verifier alone makes spans, "
        "one an examination.",
    )
    trace_ratio: float = Field(
        default=0.01,
        ge=0,
        le=1,
        description="Share of logins that are traced (head sampling); see the address for spans.",
    )
    drain_seconds: float = Field(
        default=8.0, gt=0, le=60, description="Longest time that work under way may take after SIGTERM."
    )
    test_mode: bool = Field(
        default=False,
        description="Test deployments only: admits test roots, takes test policies in place of the real ones, gives every "
        "person another `sub`, and shows the test-card link. Never in operation.",
    )

    @property
    def hour(self) -> Hour:
        """The hour that this deployment lives by."""
        return Hour(self.hour_seconds)

    @classmethod
    def load(cls) -> Self:
        """Read the settings from the environment.

        Raises:
            ValidationError: naming each wrong field, without its value.
        """
        return cls()


S = TypeVar("S", bound=ServiceSettings)


def parse_or_exit(cls: type[S], argv: list[str] | None = None) -> S:
    """Read the settings for a service's `main`; ends the process with a readable text where they are wrong.

    With `--check-config` among the arguments it says so and exits with 0 where they are right. Any other argument is
    refused, since every setting comes from the environment. Exit status 2 is for a wrong configuration.
    """
    arguments = sys.argv[1:] if argv is None else argv
    unknown = [argument for argument in arguments if argument != "--check-config"]
    if unknown:
        sys.stderr.write("unknown argument; known: --check-config. Settings come from the environment:\n")
        sys.stderr.write("".join(f"  {_variable(name)}\n" for name in cls.model_fields))
        raise SystemExit(2)
    try:
        settings = cls.load()
    except ValidationError as error:
        for problem in error.errors(include_url=False, include_input=False, include_context=False):
            name = _variable(".".join(str(part) for part in problem["loc"]))
            sys.stderr.write(f"{name}: {problem['msg']}\n")
        raise SystemExit(2) from None
    missing = [name for name, path in _paths(settings) if not os.access(path, os.R_OK)]
    for name in missing:
        sys.stderr.write(f"{_variable(name)}: cannot be read\n")
    if missing:
        raise SystemExit(2)
    if arguments:
        sys.stdout.write("configuration is valid\n")
        raise SystemExit(0)
    return settings


def read_secret(path: Path, length: int = 32) -> bytes:
    """Read a secret of `length` bytes from a file that holds it in hexadecimal.

    Raises:
        ValueError: if it is not that; the text names the path and never what was read.
    """
    with path.open("rb") as file:
        text = file.read(MAX_SECRET_FILE_BYTES)
    try:
        secret = bytes.fromhex(text.decode("ascii").strip())
    except ValueError:
        raise ValueError(f"{path}: not hexadecimal") from None
    if len(secret) != length:
        raise ValueError(f"{path}: must hold {length} bytes")
    return secret


def read_signers(path: Path) -> dict[str, tuple[Ed25519PublicKey, ...]]:
    """Read who signs with which keys; several keys a principal while one is being replaced.

    Raises:
        ValueError: naming the path, where the file is not the table that `ServiceSettings.signers` describes.
    """
    try:
        table: dict[str, Any] = json.loads(path.read_bytes())
        return {
            principal: tuple(
                Ed25519PublicKey.from_public_bytes(unb64u(key, max_bytes=ED25519_PUBLIC_BYTES)) for key in keys
            )
            for principal, keys in table.items()
        }
    except (ValueError, TypeError, AttributeError) as error:
        raise ValueError(f"{path}: not a table of signers") from error


def _variable(field: str) -> str:
    return f"SHIRUSHI_{field.upper()}"


def _paths(settings: ServiceSettings) -> list[tuple[str, Path]]:
    return [(name, value) for name in type(settings).model_fields if isinstance(value := getattr(settings, name), Path)]
