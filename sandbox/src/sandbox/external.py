"""Kafka and MongoDB that run already and are used instead of the sandbox's own."""

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict


class External(BaseSettings):
    """Each is a variable of that name in upper case; what is left out the sandbox starts itself."""

    model_config = SettingsConfigDict(frozen=True)

    kafka_bootstrap: str | None = Field(
        default=None,
        description="Brokers to use instead of an own Kafka, as host:port, comma-separated; topics and ACLs are made there.",
    )
    kafka_tls: bool = Field(
        default=True,
        description="Whether those brokers speak mutual TLS with the sandbox's certificates; without it there are no ACLs.",
    )
    mongodb_uri: str | None = Field(
        default=None,
        description="A replica set to use instead of an own mongod; with `tls=true` in it users are made there.",
    )
