"""The fields that several requests share, with their bounds; `openapi.yaml` says the same."""

from typing import Annotated, Literal

from msgspec import Meta

from challenge.web.body import Model

Token = Annotated[str, Meta(max_length=49, pattern=r"^(a[A-Za-z0-9_-]{43}|q[A-Za-z0-9_-]{48})\Z")]
Proof = Annotated[str, Meta(max_length=86, pattern=r"^[A-Za-z0-9_-]{86}\Z")]
Coordinate = Annotated[str, Meta(max_length=43, pattern=r"^[A-Za-z0-9_-]{43}\Z")]
# The encapsulated key (1120 bytes) and the tag (16 bytes) are there even when nothing is sealed.
SealedEvidence = Annotated[str, Meta(min_length=1515, pattern=r"^[A-Za-z0-9_-]+\Z")]


class ClaimKeyJwk(Model, frozen=True):
    """A P-256 public key as a JWK (RFC 7517); other members, the private one above all, are refused."""

    kty: Literal["EC"]
    crv: Literal["P-256"]
    x: Coordinate
    y: Coordinate
