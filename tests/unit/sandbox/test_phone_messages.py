"""The phone computes what the documents say, and trusts only what it may."""

import json
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from kit.encoding import b64u, length_prefixed
from kit.sealing import pad
from sandbox.phone import link, messages, sealing_key
from shirushi.evidence.v1 import evidence_pb2 as pb
from shirushi.verifier.v1 import events_pb2 as verifier_pb

VECTORS = json.loads((Path(__file__).parents[2] / "vectors" / "evidence.json").read_text())
KEY = bytes(32)


@pytest.fixture
def sheet():
    vector = VECTORS["binding"]
    sheet = pb.DisplaySheet(
        version=1,
        client_id=vector["client_id"],
        rp_name=vector["rp_name"],
        origin=vector["origin"],
        purpose=vector["purpose"],
        blind=bytes.fromhex(vector["blind"]),
        sector_commitment=bytes.fromhex(vector["sector_commitment"]),
        transport=pb.TRANSPORT_APP_LINK,
    )
    for name, need in vector["asked"]:
        sheet.asked.add(attribute=messages.in_enum_order([name])[0], essential=need == "essential")
    return sheet


@pytest.fixture
def evidence(sheet):
    vector = VECTORS["message"]
    evidence = pb.Evidence(
        binding=messages.binding(sheet),
        agreed=messages.in_enum_order(vector["agreed"]),
        challenge_id=vector["challenge_id"],
        nonce=bytes.fromhex(vector["nonce"]),
        expires_at=vector["expires_at"],
        claim_key_thumbprint=bytes.fromhex(vector["claim_key_thumbprint"]),
        sealing_key_thumbprint=bytes.fromhex(vector["sealing_key_thumbprint"]),
        sector_commitment=sheet.sector_commitment,
        notice_key=bytes.fromhex(VECTORS["attestation"]["notice_key"]),
    )
    evidence.attributes.name = VECTORS["attestation"]["attributes"]["name"]
    evidence.attributes.source = pb.ATTRIBUTES_SOURCE_CARD_APP
    return evidence


def sealed(sheet, transport="app_link"):
    aad = length_prefixed(b"shirushi display sheet v1", transport.encode())
    return bytes(12) + AESGCM(KEY).encrypt(bytes(12), pad(sheet.SerializeToString(), 1024), aad)


def test_the_binding_is_that_of_the_vectors(sheet):
    assert messages.binding(sheet).hex() == VECTORS["binding"]["binding"]


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("client_id", "bank"),
        ("rp_name", "つきみ銀行"),
        ("origin", "https://localhost:8448"),
        ("purpose", ""),
        ("blind", bytes(32)),
        ("sector_commitment", bytes(32)),
        ("transport", pb.TRANSPORT_QR),
    ],
)
def test_the_binding_changes_with_everything_the_holder_is_shown(sheet, field, value):
    setattr(sheet, field, value)
    assert messages.binding(sheet).hex() != VECTORS["binding"]["binding"]


def test_the_signed_message_is_that_of_the_vectors(evidence):
    assert messages.signed_message(evidence).hex() == VECTORS["message"]["message"]


def test_the_attested_digest_is_that_of_the_vectors(evidence):
    assert evidence.attributes.SerializeToString(deterministic=True).hex() == VECTORS["attestation"]["serialized"]
    assert messages.attested_digest(evidence).hex() == VECTORS["attestation"]["digest"]


def test_a_sheet_opens_with_its_key(sheet):
    assert messages.open_display_sheet(sealed(sheet), KEY, "app_link") == sheet


@pytest.mark.parametrize("at", [0, 20, -1])
def test_an_altered_sheet_does_not_open(sheet, at):
    altered = bytearray(sealed(sheet))
    altered[at] ^= 1
    with pytest.raises(messages.SheetError):
        messages.open_display_sheet(bytes(altered), KEY, "app_link")


def test_a_sheet_of_the_other_transport_does_not_open(sheet):
    with pytest.raises(messages.SheetError):
        messages.open_display_sheet(sealed(sheet), KEY, "qr")
    # Nor if only its inside tells.
    with pytest.raises(messages.SheetError):
        messages.open_display_sheet(sealed(sheet, "qr"), KEY, "qr")


def test_nobody_consents_to_what_the_app_cannot_name(sheet):
    sheet.asked.add(attribute=99)
    with pytest.raises(messages.SheetError):
        messages.open_display_sheet(sealed(sheet), KEY, "app_link")


def test_a_notice_opens_for_the_phone_that_answered(sheet):
    notice = verifier_pb.Notice(reason=verifier_pb.REASON_CERTIFICATE_REVOKED)
    aad = b"shirushi notice v1" + b"cid"
    closed = bytes(12) + AESGCM(KEY).encrypt(bytes(12), notice.SerializeToString(), aad)
    assert messages.open_notice(closed, KEY, "cid") == notice
    with pytest.raises(ValueError, match="notice"):
        messages.open_notice(closed, KEY, "other")


def told(signer, *, service="verifier", epoch=7, signed_epoch=7):
    public_key, chain_id = bytes(1216), bytes(16)
    signature = signer.sign(sealing_key.statement("verifier", signed_epoch, chain_id, public_key))
    return {
        "service": service,
        "epoch": epoch,
        "chain_id": b64u(chain_id),
        "public_key": b64u(public_key),
        "signature": b64u(signature),
    }


def test_a_sealing_key_is_taken_only_with_the_signature_of_a_pinned_key():
    signer, stranger = Ed25519PrivateKey.generate(), Ed25519PrivateKey.generate()
    pins = sealing_key.Pins([stranger.public_key().public_bytes_raw(), signer.public_key().public_bytes_raw()])
    assert pins.check(told(signer), 7) == bytes(1216)
    assert pins.check(told(signer), 7) == bytes(1216)
    for wrong in (
        told(Ed25519PrivateKey.generate()),
        told(signer, service="gateway"),
        told(signer, epoch=8),
        told(signer, epoch=7, signed_epoch=8),
        told(signer) | {"public_key": b64u(bytes(1215) + b"\1")},
        told(signer) | {"chain_id": None},
        {},
    ):
        with pytest.raises(sealing_key.UntrustedKeyError):
            pins.check(wrong, 7)


def test_a_link_gives_its_token_and_key():
    parsed = link.parse(f"https://localhost:8446/link#t=aTOKEN&k={b64u(KEY)}")
    assert parsed == link.Link("aTOKEN", KEY)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "https://localhost:8446/link",
        "https://localhost:8446/link#t=a",
        "https://localhost:8446/link?t=a&k=b",
        f"#t=a&t=b&k={b64u(KEY)}",
        f"#t=a&k={b64u(KEY[1:])}",
        "#t=a&k=!",
        "#t=a&k=" + "A" * 3000,
    ],
)
def test_what_is_no_link_is_refused(text):
    with pytest.raises(ValueError):
        link.parse(text)
