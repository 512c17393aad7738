"""Rotating QR tokens and the link of the app: what a phone reads or opens."""

import hmac
import struct
from dataclasses import dataclass
from typing import Self

from kit.encoding import b64u, length_prefixed

STEP_SECONDS = 5
HANDLE_BYTES = 16
QR_SECRET_BYTES = 32
SHEET_KEY_BYTES = 32
_MAC_BYTES = 16
_STEP = struct.Struct(">I")


@dataclass(frozen=True, slots=True)
class QrSource:
    """What the QR codes of one login are made of, one after the other."""

    handle: bytes
    secret: bytes
    sheet_key: bytes

    def packed(self) -> bytes:
        """Returns it as 80 bytes, for the inside of a token."""
        return self.handle + self.secret + self.sheet_key

    @classmethod
    def unpacked(cls, payload: bytes) -> Self | None:
        """Returns what a token held, or None for a login without QR codes."""
        if len(payload) != HANDLE_BYTES + QR_SECRET_BYTES + SHEET_KEY_BYTES:
            return None
        return cls(payload[:HANDLE_BYTES], payload[HANDLE_BYTES:-SHEET_KEY_BYTES], payload[-SHEET_KEY_BYTES:])

    def link(self, app_link_base: str, at: float, step_seconds: float = STEP_SECONDS) -> str:
        """Returns the link that the QR code of a moment says."""
        return link(app_link_base, qr_token(self.handle, self.secret, at, step_seconds), self.sheet_key)


def link_token(handle: bytes, link_secret: bytes) -> str:
    """Returns the token of the app link."""
    return "a" + b64u(handle + link_secret)


def qr_token(handle: bytes, qr_secret: bytes, at: float, step_seconds: float = STEP_SECONDS) -> str:
    """Returns the QR token of the step that holds a moment (Unix seconds)."""
    step = _STEP.pack(int(at // step_seconds))
    mac = hmac.digest(qr_secret, length_prefixed(b"shirushi qr v1", handle, step), "sha256")[:_MAC_BYTES]
    return "q" + b64u(handle + step + mac)


def link(app_link_base: str, token: str, sheet_key: bytes) -> str:
    """Returns the link to open or to show as a QR; the key stands in the fragment and reaches no server."""
    return f"{app_link_base}#t={token}&k={b64u(sheet_key)}"
