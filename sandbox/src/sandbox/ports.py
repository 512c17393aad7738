"""Every port of the sandbox is a setting; a port that is taken is named with the setting that changes it."""

import os
import socket
from collections.abc import Iterable
from contextlib import closing
from typing import Annotated

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict

Port = Annotated[int, Field(ge=1, le=65535)]

_PREFIX = "SHIRUSHI_PORT_"


class PortTaken(Exception):
    """Somebody else listens where the sandbox wants to."""


class Ports(BaseSettings):
    """Where things listen, all on loopback; `SHIRUSHI_PORT_GATEWAY=9443` moves the gateway."""

    model_config = SettingsConfigDict(env_prefix=_PREFIX, frozen=True)

    gateway: Port = Field(8443, description="OpenID Connect and the login pages (HTTPS)")
    challenge: Port = Field(8444, description="the app API (HTTPS)")
    audit: Port = Field(8445, description="purge receipts for auditors (HTTPS)")
    phone: Port = Field(8446, description="the simulated phone (HTTPS)")
    city: Port = Field(8447, description="sample relying party: a childcare app (HTTPS)")
    bank: Port = Field(8448, description="sample relying party: a bank (HTTPS)")
    jlis: Port = Field(8449, description="J-LIS style responder (HTTP)")
    kafka: Port = Field(19092, description="Kafka (mutual TLS)")
    kafka_controller: Port = Field(19093, description="Kafka's own controller (mutual TLS)")
    mongodb: Port = Field(27117, description="MongoDB (mutual TLS)")
    internal: Port = Field(18600, description="first of the ports between services: gRPC, management, replicas")

    def internal_port(self, service_number: int, replica: int, use: int) -> int:
        """A port between services: `use` is 0 management, 1 gRPC, 2 a replica's own public port."""
        return self.internal + 40 * service_number + 4 * replica + use


def check_free(wanted: Iterable[tuple[str, int]]) -> None:
    """Raise `PortTaken`, which names each setting and port, unless all are free."""
    taken = [(setting, port) for setting, port in wanted if not is_free(port)]
    if taken:
        lines = [f"port {port} is taken; set {_PREFIX}{setting.upper()} to another" for setting, port in taken]
        raise PortTaken("\n".join(lines))


def is_free(port: int) -> bool:
    """Whether a server could listen there."""
    with closing(socket.socket(socket.AF_INET, socket.SOCK_STREAM)) as probe:
        # A server that closed a moment ago leaves connections in TIME_WAIT; they do not stop the next one.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True


def free_ports(count: int) -> list[int]:
    """Ports that are free now, for sandboxes that run beside others."""
    probes = [socket.socket(socket.AF_INET, socket.SOCK_STREAM) for _ in range(count)]
    try:
        for probe in probes:
            probe.bind(("127.0.0.1", 0))
        return [int(probe.getsockname()[1]) for probe in probes]
    finally:
        for probe in probes:
            probe.close()


def free_block(size: int) -> int:
    """The first of `size` free ports in a row, outside the range that the kernel hands out by itself."""
    starts = range(20000, 32000 - size + 1, size)
    # Sandboxes that start at the same time find the same ports free: each process begins to look elsewhere.
    turn = os.getpid() % len(starts)
    for first in (*starts[turn:], *starts[:turn]):
        if all(is_free(port) for port in range(first, first + size)):
            return int(first)
    raise PortTaken(f"no {size} free ports in a row between 20000 and 32000")
