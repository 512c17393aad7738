"""The display sheet: what the phone shows, sealed under a key that travels in link or QR and past challenge."""

import os

from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from kit.encoding import length_prefixed
from kit.sealing import pad
from shirushi.evidence.v1 import evidence_pb2 as pb

from gateway.domain.binding import ShownRequest

SHEET_BYTES = 1024
_NONCE_BYTES = 12
_ATTRIBUTES = {
    "name": pb.ATTRIBUTE_NAME,
    "address": pb.ATTRIBUTE_ADDRESS,
    "birthdate": pb.ATTRIBUTE_BIRTHDATE,
    "gender": pb.ATTRIBUTE_GENDER,
}
ATTRIBUTE_NAMES = {number: name for name, number in _ATTRIBUTES.items()}
_TRANSPORTS = {"app_link": pb.TRANSPORT_APP_LINK, "qr": pb.TRANSPORT_QR}


def sealed_sheet(
    shown: ShownRequest,
    transport: str,
    key: bytes,
    *,
    browser: tuple[str, str],
    return_uri: str = "",
    typed_code: str = "",
) -> bytes:
    """Returns nonce and AES-256-GCM ciphertext of the sheet for one transport.

    Args:
        shown: what is bound.
        transport: app_link or qr.
        key: 32 bytes, one a transport.
        browser: family and system of the asking browser.
        return_uri: app_link only: where the app sends the browser after the answer.
        typed_code: qr only, where the client's policy asks for it: what the holder types in the waiting browser.
    """
    sheet = pb.DisplaySheet(
        version=1,
        client_id=shown.client_id,
        rp_name=shown.rp_name,
        origin=shown.origin,
        purpose=shown.purpose,
        asked=[pb.AskedAttribute(attribute=_ATTRIBUTES[name], essential=essential) for name, essential in shown.asked],
        browser_family=browser[0],
        browser_system=browser[1],
        pin=pb.CERTIFICATE_KIND_USER_AUTHENTICATION,
        blind=shown.blind,
        sector_commitment=shown.sector_commitment,
        transport=_TRANSPORTS[transport],
        return_uri=return_uri,
        typed_code=typed_code,
    )
    nonce = os.urandom(_NONCE_BYTES)
    place = length_prefixed(b"shirushi display sheet v1", transport.encode())
    return nonce + AESGCM(key).encrypt(nonce, pad(sheet.SerializeToString(), SHEET_BYTES), place)
