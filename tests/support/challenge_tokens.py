"""The tokens of links and QR codes as the gateway builds them, for tests of challenge."""

import struct

from challenge.domain.token import qr_mac
from kit.encoding import b64u


def link_token(handle: bytes, link_secret: bytes) -> str:
    """The app link's token."""
    return "a" + b64u(handle + link_secret)


def qr_token(handle: bytes, step: int, qr_secret: bytes) -> str:
    """The QR code's token of one step."""
    return "q" + b64u(handle + struct.pack(">I", step) + qr_mac(handle, step, qr_secret))
