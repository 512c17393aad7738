"""What the phone computes: the byte strings that are signed, hashed and sealed (docs/app-api.md).

Written from the documents and not shared with the services, so that both sides check each other; tests/vectors holds
the values on which they agree.
"""

import hashlib
from collections.abc import Iterable
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from google.protobuf.message import DecodeError
from kit.encoding import length_prefixed
from kit.sealing import SealingError, unpad
from shirushi.evidence.v1 import evidence_pb2 as pb
from shirushi.verifier.v1 import events_pb2 as verifier_pb

ATTRIBUTE_NAMES: Final = {
    pb.ATTRIBUTE_NAME: "name",
    pb.ATTRIBUTE_ADDRESS: "address",
    pb.ATTRIBUTE_BIRTHDATE: "birthdate",
    pb.ATTRIBUTE_GENDER: "gender",
}
TRANSPORT_NAMES: Final = {pb.TRANSPORT_APP_LINK: "app_link", pb.TRANSPORT_QR: "qr"}
NONCE_BYTES: Final = 12


class SheetError(Exception):
    """The display sheet was altered, is of another transport, or says what this app does not know."""


def open_display_sheet(sealed: bytes, key: bytes, transport: str) -> pb.DisplaySheet:
    """Opens the sheet with the key that came in the link or QR.

    Raises:
        SheetError: It is not what the gateway sealed for this transport, or of an unknown version.
    """
    try:
        aad = length_prefixed(b"shirushi display sheet v1", transport.encode())
        opened = AESGCM(key).decrypt(sealed[:NONCE_BYTES], sealed[NONCE_BYTES:], aad)
        sheet = pb.DisplaySheet.FromString(unpad(opened))
    except (InvalidTag, SealingError, DecodeError, ValueError) as error:
        raise SheetError("The display sheet cannot be opened.") from error
    if sheet.version != 1 or TRANSPORT_NAMES.get(sheet.transport) != transport:
        raise SheetError("The display sheet is not of this transport or version.")
    if any(asked.attribute not in ATTRIBUTE_NAMES for asked in sheet.asked):
        # Consent to what cannot be named is none.
        raise SheetError("The display sheet asks for something unknown.")
    return sheet


def binding(sheet: pb.DisplaySheet) -> bytes:
    """SHA-256 over everything the holder is shown: who asks, from where, for what, by which transport."""
    asked = length_prefixed(
        *(
            f"{ATTRIBUTE_NAMES[entry.attribute]}:{'essential' if entry.essential else 'voluntary'}".encode()
            for entry in sheet.asked
        )
    )
    bound = length_prefixed(
        b"shirushi binding v1",
        sheet.blind,
        sheet.client_id.encode(),
        sheet.rp_name.encode(),
        sheet.origin.encode(),
        sheet.sector_commitment,
        sheet.purpose.encode(),
        asked,
        TRANSPORT_NAMES[sheet.transport].encode(),
    )
    return hashlib.sha256(bound).digest()


def signed_message(evidence: pb.Evidence) -> bytes:
    """What the card signs; the card adds no domain separation of its own, so all binding is in here."""
    return length_prefixed(
        b"shirushi evidence v1",
        evidence.binding,
        length_prefixed(*(ATTRIBUTE_NAMES[attribute].encode() for attribute in sorted(evidence.agreed))),
        evidence.challenge_id.encode(),
        evidence.nonce,
        str(evidence.expires_at).encode(),
        evidence.claim_key_thumbprint,
        evidence.sealing_key_thumbprint,
    )


def attested_digest(evidence: pb.Evidence) -> bytes:
    """What the app instance vouches for: the signed message, and what the card itself does not sign."""
    attributes = b""
    if evidence.HasField("attributes"):
        attributes = evidence.attributes.SerializeToString(deterministic=True)
    return hashlib.sha256(
        length_prefixed(
            b"shirushi attestation v1",
            hashlib.sha256(signed_message(evidence)).digest(),
            evidence.sector_commitment,
            attributes,
            evidence.notice_key,
        )
    ).digest()


def open_notice(sealed: bytes, key: bytes, challenge_id: str) -> verifier_pb.Notice:
    """Opens the exact reason of a refusal, which only the phone that answered can read.

    Raises:
        ValueError: It was not made with this phone's key.
    """
    try:
        opened = AESGCM(key).decrypt(
            sealed[:NONCE_BYTES], sealed[NONCE_BYTES:], b"shirushi notice v1" + challenge_id.encode()
        )
        return verifier_pb.Notice.FromString(opened)
    except (InvalidTag, DecodeError) as error:
        raise ValueError("The notice cannot be opened.") from error


def in_enum_order(names: Iterable[str]) -> "list[pb.Attribute.ValueType]":
    """The attributes of these names, in the order in which they are signed."""
    wanted = set(names)
    return [attribute for attribute, name in ATTRIBUTE_NAMES.items() if name in wanted]
