"""Rotating QR tokens and the link of the app: what a phone reads or opens."""

import hmac
import struct

from kit.encoding import b64u, length_prefixed

STEP_SECONDS = 5
_MAC_BYTES = 16
_STEP = struct.Struct(">I")


def link_token(handle: bytes, link_secret: bytes) -> str:
    """Returns the token of the app link."""
    return "a" + b64u(handle + link_secret)


def qr_token(handle: bytes, qr_secret: bytes, at: float) -> str:
    """Returns the QR token of the step that holds a moment (Unix seconds)."""
    step = _STEP.pack(int(at // STEP_SECONDS))
    mac = hmac.digest(qr_secret, length_prefixed(b"shirushi qr v1", handle, step), "sha256")[:_MAC_BYTES]
    return "q" + b64u(handle + step + mac)


def link(app_link_base: str, token: str, sheet_key: bytes) -> str:
    """Returns the link to open or to show as a QR; the key stands in the fragment and reaches no server."""
    return f"{app_link_base}#t={token}&k={b64u(sheet_key)}"
