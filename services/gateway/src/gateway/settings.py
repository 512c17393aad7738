"""What the gateway is told when it starts, beyond what all services are told."""

from pathlib import Path

from kit.settings import ServiceSettings
from pydantic import Field


class GatewaySettings(ServiceSettings):
    """The gateway's settings; environment names are SHIRUSHI_ and the field in upper case."""

    public_host: str = Field(default="127.0.0.1", description="Address of the public HTTPS server.")
    public_port: int = Field(default=8443, ge=0, le=65535, description="Port of the public HTTPS server.")
    public_tls_certificate: Path | None = Field(
        default=None, description="PEM chain of the public server; none means plain HTTP behind a TLS terminator."
    )
    public_tls_key: Path | None = Field(default=None, description="PEM key of the public server.")
    issuer: str = Field(
        default="https://localhost:8443/api/realms/main",
        pattern=r"^https://[^/?#]+/api/realms/main$",
        description="Issuer identifier (OpenID Connect Core §2): any host and port, then /api/realms/main, below which every "
        "endpoint lies.",
    )
    challenge_target: str = Field(default="localhost:9101", description="gRPC address of challenge.")
    pseudonym_target: str = Field(default="localhost:9104", description="gRPC address of pseudonym.")
    clients_file: Path | None = Field(
        default=None, description="YAML or JSON registry of relying parties; none reads them from MongoDB."
    )
    id_token_keys: Path = Field(description="Private JWKS (P-256, each with kid); the first key signs ID tokens.")
    sector_secret: Path = Field(
        description="32 bytes in hexadecimal: the key of sector labels. Losing it changes every `sub` for ever: back it up."
    )
    network_hint_key: Path | None = Field(
        default=None,
        description="32 bytes in hexadecimal, shared with challenge: compares networks of browser and phone.",
    )
    app_link_base: str = Field(
        default="https://localhost:8446/link", description="Where app links and QR codes lead; opens the app."
    )
    test_card_url: str | None = Field(
        default=None, description="Sandbox only: the simulated phone's page for test cards; needs test_mode."
    )
    forwarded_hops: int = Field(
        default=0,
        ge=0,
        le=4,
        description="How many trusted proxies stand in front and append to X-Forwarded-For; 0 takes the peer's address.",
    )
    qr_step_seconds: float = Field(
        default=5.0, ge=1, le=60, description="How long one QR code is shown; challenge must have the same."
    )
