"""What each service is told when it starts: one table of settings, handed over as environment variables."""

import json
import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from sandbox.pki import Pki


@dataclass(frozen=True)
class Servers:
    """Where Kafka and MongoDB are, and whether they speak TLS (others' servers on a loopback may not)."""

    kafka_bootstrap: str
    mongodb_uri: str
    kafka_tls: bool = True
    mongodb_tls: bool = True


def common(service: str, pki: Pki, servers: Servers) -> dict[str, str]:
    """The settings that every service has, without ports."""
    settings = {
        "kafka_bootstrap": servers.kafka_bootstrap,
        "kafka_tls": str(servers.kafka_tls).lower(),
        "mongodb_uri": servers.mongodb_uri,
        "tls_certificate": str(pki.certificate(service)),
        "tls_key": str(pki.key(service)),
        "tls_ca": str(pki.ca),
        "signing_key": str(pki.signing_key(service)),
        "signers": str(pki.signers),
        "service_secret": str(pki.service_secret(service)),
        "test_mode": "true",
    }
    if servers.mongodb_tls:
        settings["mongodb_client_pem"] = str(pki.both(service))
    return settings


def as_environment(settings: Mapping[str, str]) -> dict[str, str]:
    """Settings under the names that the services read."""
    return {f"SHIRUSHI_{name.upper()}": value for name, value in settings.items()}


def write_file(path: Path, environment: Mapping[str, str]) -> None:
    """Keep the environment of an instance where a person can read it and start the instance by hand.

    `set -a; . .sandbox/env/gateway-0.env; .venv/bin/python -m gateway` does that. The values are paths, addresses and numbers; secrets are behind the paths.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(f"{name}={shlex.quote(value)}\n" for name, value in sorted(environment.items())))


def write_json(path: Path, value: Mapping[str, object]) -> None:
    """Write a file that others read at any time: they see the old content or the new."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.partial")
    partial.write_text(json.dumps(value, indent=1))
    partial.replace(path)
