"""A login from the accepted request to its one conclusion: its states and what may follow on what."""

import hashlib
import hmac
from enum import StrEnum

import msgspec

from gateway.domain.binding import ShownRequest, binding
from gateway.domain.client import TRANSPORTS


class State(StrEnum):
    """Where a login stands; the only thing about it that rests in clear."""

    WAITING = "waiting"
    VERIFIED = "verified"
    REFUSED = "refused"
    COLLECTED = "collected"
    REDEEMED = "redeemed"
    EXPIRED = "expired"


class Verified(msgspec.Struct, frozen=True):
    """What the verifier found. Attribute values are the agreed ones only."""

    transport: str
    attributes: dict[str, str]
    attributes_source: str
    assurance: str
    revocation_method: str
    sealed_subject: bytes
    verified_at: float
    revocation_checked_at: float = 0.0


class Collected(msgspec.Struct, frozen=True):
    """The code that was given out for a login."""

    sub: str
    code_digest: bytes
    redirect: str
    collected_at: float


class Login(msgspec.Struct, frozen=True, omit_defaults=True):
    """A login as it rests, sealed. Times are Unix seconds."""

    client_id: str
    redirect_uri: str
    scopes: tuple[str, ...]
    state: str
    nonce: str
    code_challenge: str
    language: str
    requested_at: float
    shown: ShownRequest
    commitment_blind: bytes
    app_link: str
    # What the client's policy allowed when the login began.
    transports: tuple[str, ...] = TRANSPORTS
    verified: Verified | None = None
    collected: Collected | None = None
    access_digest: bytes = b""
    access_until: float = 0.0
    killed: bool = False
    reason: int = 0
    stage: int = 0
    notice: bytes = b""
    typed_wrong: int = 0
    concluded_at: float = 0.0
    announced: bool = False
    # The tokens left although the conclusion could not be published yet.
    answered: bool = False

    @property
    def asked(self) -> tuple[str, ...]:
        """Returns the names of the asked attributes."""
        return tuple(name for name, _ in self.shown.asked)


def digest(secret: bytes) -> bytes:
    """Returns how a secret of a token or cookie rests."""
    return hashlib.sha256(secret).digest()


def same_secret(expected_digest: bytes, secret: bytes) -> bool:
    """Compares a presented secret with a resting digest."""
    return bool(expected_digest) and hmac.compare_digest(expected_digest, digest(secret))


def transport_of(login: Login, presented: bytes) -> str | None:
    """Returns the transport whose binding a verdict carries; None when it is about something else.

    Challenge says by which transport the login was claimed, but is not believed: the card's signature decides.
    """
    for transport in login.transports:
        if hmac.compare_digest(binding(login.shown, transport), presented):
            return transport
    return None


def needs_return(login: Login, *, typed_code_policy: bool) -> bool:
    """Tells whether only the app's way back, or the typed code, completes the login, and never the first tab alone."""
    return login.verified is not None and (login.verified.transport == "app_link" or typed_code_policy)
