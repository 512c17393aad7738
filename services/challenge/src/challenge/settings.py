"""What challenge is told when it starts, beside what all services share."""

from pathlib import Path

from kit.settings import ServiceSettings
from pydantic import Field


class Settings(ServiceSettings):
    """Settings of challenge dispatch."""

    public_host: str = Field(default="127.0.0.1", description="Address on which the app API is served.")
    public_port: int = Field(default=8444, ge=0, le=65535, description="Port of the app API; 0 takes any free one.")
    public_tls_certificate: Path = Field(description="PEM chain that phones see.")
    public_tls_key: Path = Field(description="PEM key of that certificate.")
    rpc_host: str = Field(default="127.0.0.1", description="Address of the gRPC server for the gateway.")
    rpc_port: int = Field(default=9101, ge=0, le=65535, description="Port of the gRPC server; 0 takes any free one.")
    network_hint_key: Path = Field(
        description="32 bytes in hexadecimal, shared with the gateway: keys the digests behind the network hint."
    )
    forwarded_hops: int = Field(
        default=0,
        ge=0,
        le=4,
        description="How many trusted proxies stand in front and append to X-Forwarded-For; 0 takes the peer's address.",
    )
    qr_step_seconds: float = Field(
        default=5.0, ge=1, le=60, description="How long one QR code is shown; the gateway must have the same."
    )
