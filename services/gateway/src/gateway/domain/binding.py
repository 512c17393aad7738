"""The binding: what the holder was shown, as one digest that the card's signature covers (docs/app-api.md)."""

import hashlib
from dataclasses import dataclass

from kit.encoding import length_prefixed


@dataclass(frozen=True, slots=True)
class ShownRequest:
    """What a display sheet shows and binds. `asked` are (attribute name, whether essential), in order."""

    client_id: str
    rp_name: str
    origin: str
    purpose: str
    asked: tuple[tuple[str, bool], ...]
    blind: bytes
    sector_commitment: bytes


def binding(shown: ShownRequest, transport: str) -> bytes:
    """Returns the 32-byte binding of a request for one transport, `app_link` or `qr`."""
    asked = length_prefixed(
        *(f"{name}:{'essential' if essential else 'voluntary'}".encode() for name, essential in shown.asked)
    )
    return hashlib.sha256(
        length_prefixed(
            b"shirushi binding v1",
            shown.blind,
            shown.client_id.encode(),
            shown.rp_name.encode(),
            shown.origin.encode(),
            shown.sector_commitment,
            shown.purpose.encode(),
            asked,
            transport.encode(),
        )
    ).digest()
