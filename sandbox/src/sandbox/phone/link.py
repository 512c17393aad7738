"""What an app link or QR code carries: the token that challenge knows and the key that it never sees."""

from dataclasses import dataclass
from urllib.parse import parse_qs, urlsplit

from kit.encoding import unb64u

SHEET_KEY_BYTES = 32
MAX_LINK = 2048


@dataclass(frozen=True)
class Link:
    """The token, and the key of the display sheet."""

    token: str
    sheet_key: bytes


def parse(text: str) -> Link:
    """Reads `…#t=<token>&k=<key>`; the part before the fragment only opens the app and is not looked at.

    Raises:
        ValueError: It is not such a link.
    """
    if len(text) > MAX_LINK:
        raise ValueError("The link is too long.")
    fields = parse_qs(urlsplit(text.strip()).fragment)
    if len(fields.get("t", [])) != 1 or len(fields.get("k", [])) != 1:
        raise ValueError("The link has no token or no key.")
    key = unb64u(fields["k"][0], max_bytes=SHEET_KEY_BYTES)
    if len(key) != SHEET_KEY_BYTES:
        raise ValueError("The link's key has the wrong length.")
    return Link(fields["t"][0], key)
