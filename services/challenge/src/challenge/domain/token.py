"""The tokens that a phone presents: a fixed secret in the app link, an HMAC over time in the QR code.

The two are not interchangeable: each has its own first letter, length and key. Whether a token was ever issued is
decided with the challenge's secrets, which die with the epoch.
"""

import hashlib
import hmac
import re
from dataclasses import dataclass
from enum import StrEnum

from kit.encoding import b64u, length_prefixed, unb64u

from challenge.domain.refusals import Refusal, Refused

HANDLE_BYTES = 16
_LINK_SECRET_BYTES = 16
_STEP_BYTES = 4
_MAC_BYTES = 16
# A QR code is good for its own step and the two after it (docs/app-api.md); one step ahead allows for clock skew.
_STEPS_BACK = 2
_STEPS_AHEAD = 1
_CHALLENGE_ID = re.compile(r"c[A-Za-z0-9_-]{22}\Z", re.ASCII)


class Transport(StrEnum):
    """How the token came to the phone."""

    APP_LINK = "app_link"
    QR = "qr"


@dataclass(frozen=True, slots=True)
class LinkToken:
    """An app link's token as presented: not yet known to be genuine."""

    handle: bytes
    secret: bytes

    transport = Transport.APP_LINK


@dataclass(frozen=True, slots=True)
class QrToken:
    """A QR code's token as presented: not yet known to be genuine."""

    handle: bytes
    step: int
    mac: bytes

    transport = Transport.QR


PresentedToken = LinkToken | QrToken


@dataclass(frozen=True, slots=True)
class TokenSecrets:
    """What the tokens of one challenge are made of and checked with: 16 and 32 bytes."""

    link_secret: bytes
    qr_secret: bytes


@dataclass(frozen=True, slots=True)
class QrClock:
    """Cuts time into the steps of QR codes."""

    step_seconds: float

    def step(self, now: float) -> int:
        """Returns the step that `now` (Unix seconds) lies in."""
        return int(now // self.step_seconds)


def parse_token(text: str) -> PresentedToken:
    """Returns the token's parts; raises Refused(token_unknown) where no challenge can have issued such a text."""
    try:
        if text.startswith("a"):
            raw = unb64u(text[1:], max_bytes=HANDLE_BYTES + _LINK_SECRET_BYTES)
            if len(raw) == HANDLE_BYTES + _LINK_SECRET_BYTES:
                return LinkToken(raw[:HANDLE_BYTES], raw[HANDLE_BYTES:])
        elif text.startswith("q"):
            raw = unb64u(text[1:], max_bytes=HANDLE_BYTES + _STEP_BYTES + _MAC_BYTES)
            if len(raw) == HANDLE_BYTES + _STEP_BYTES + _MAC_BYTES:
                step = int.from_bytes(raw[HANDLE_BYTES : HANDLE_BYTES + _STEP_BYTES], "big")
                return QrToken(raw[:HANDLE_BYTES], step, raw[HANDLE_BYTES + _STEP_BYTES :])
    except ValueError:
        pass
    raise Refused(Refusal.TOKEN_UNKNOWN)


def check_genuine(token: PresentedToken, secrets: TokenSecrets) -> None:
    """Checks that the gateway made this token for this challenge, at whatever time; raises Refused(token_unknown)."""
    if isinstance(token, LinkToken):
        genuine = hmac.compare_digest(token.secret, secrets.link_secret)
    else:
        genuine = hmac.compare_digest(token.mac, qr_mac(token.handle, token.step, secrets.qr_secret))
    if not genuine:
        raise Refused(Refusal.TOKEN_UNKNOWN)


def check_fresh(token: PresentedToken, clock: QrClock, now: float) -> None:
    """Checks that a QR token's step is among those that are good now; raises Refused(token_expired)."""
    if isinstance(token, LinkToken):
        return  # it lives as long as the challenge
    current = clock.step(now)
    if not current - _STEPS_BACK <= token.step <= current + _STEPS_AHEAD:
        raise Refused(Refusal.TOKEN_EXPIRED)


def qr_mac(handle: bytes, step: int, qr_secret: bytes) -> bytes:
    """Returns the 16 bytes that make a QR token of one step genuine."""
    message = length_prefixed(b"shirushi qr v1", handle, step.to_bytes(_STEP_BYTES, "big"))
    return hmac.digest(qr_secret, message, hashlib.sha256)[:_MAC_BYTES]


def challenge_id_of(handle: bytes) -> str:
    """Returns the public name of the challenge: 23 characters."""
    return "c" + b64u(handle)


def handle_of(challenge_id: str) -> bytes:
    """Returns the handle inside a challenge id; raises Refused(challenge_unknown)."""
    if _CHALLENGE_ID.match(challenge_id):
        try:
            return unb64u(challenge_id[1:], max_bytes=HANDLE_BYTES)
        except ValueError:
            pass  # 22 characters carry 132 bits; the last 4 must be zero
    raise Refused(Refusal.CHALLENGE_UNKNOWN)
