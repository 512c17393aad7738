"""All sides compute the byte strings of docs/app-api.md alike: each is held to the vectors, none to another."""

import importlib.util
import json
from pathlib import Path

import pytest
from challenge.domain import proof, token
from challenge.domain.claim_key import claim_key_of_coordinates
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from gateway.domain import binding as gateway_binding
from gateway.domain import qr as gateway_qr
from gateway.domain import sector as gateway_sector
from gateway.domain.display_sheet import sealed_sheet
from kit.custody import sealing_statement_message
from kit.encoding import b64u, unb64u
from kit.network import network_digest
from kit.sealing import Sealer, derive_key_pair, info, pad, unpad
from pseudonym.domain import sector_commitment as pseudonym_sector
from sandbox.phone import link as phone_link
from sandbox.phone import messages as phone
from sandbox.phone import sealing_key as phone_sealing_key
from shirushi.evidence.v1 import evidence_pb2 as pb
from shirushi.verifier.v1 import events_pb2 as verifier_pb
from verifier.domain import attestation as verifier_attestation
from verifier.domain import signed_message as verifier_message
from verifier.domain.refusal import Reason
from verifier.events import evidence_message, verdict_message

HERE = Path(__file__).parents[2] / "vectors"


def read(name):
    return json.loads((HERE / f"{name}.json").read_text())


def octets(values, *names):
    return tuple(bytes.fromhex(values[name]) for name in names)


SECTOR, EVIDENCE, SHEETS, TOKENS = read("sector"), read("evidence"), read("display_sheet"), read("tokens")
PROOFS, SEALING, NOTICE, NETWORK = read("proofs"), read("sealing"), read("notice"), read("network")


def test_the_vectors_are_what_their_generator_makes():
    spec = importlib.util.spec_from_file_location("generate_vectors", HERE / "generate.py")
    generator = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(generator)
    made = generator.documents()
    assert made == {path.stem: path.read_text() for path in HERE.glob("*.json")}


def test_sector_labels_and_commitments():
    key, label, blind, commitment = octets(SECTOR, "key", "label", "blind", "commitment")
    assert gateway_sector.sector_label(key, SECTOR["identifier"]) == label
    assert gateway_sector.sector_commitment(label, blind) == commitment
    assert pseudonym_sector.sector_commitment(label, blind) == commitment


def shown(values, asked):
    return gateway_binding.ShownRequest(
        client_id=values["client_id"],
        rp_name=values["rp_name"],
        origin=values["origin"],
        purpose=values["purpose"],
        asked=tuple((name, need == "essential") for name, need in asked),
        blind=bytes.fromhex(values["blind"]),
        sector_commitment=bytes.fromhex(values["sector_commitment"]),
    )


@pytest.mark.parametrize("transport", ["app_link", "qr"])
def test_bindings_of_a_sheet(transport):
    values = SHEETS[transport]
    request = shown(EVIDENCE["binding"], EVIDENCE["binding"]["asked"])
    assert gateway_binding.binding(request, transport).hex() == values["binding"]
    sealed, key = octets(values, "sealed", "key")
    sheet = phone.open_display_sheet(sealed, key, transport)
    assert sheet.SerializeToString(deterministic=True).hex() == values["serialized"]
    assert phone.binding(sheet).hex() == values["binding"]


def test_a_binding_where_nothing_is_asked():
    values = {**EVIDENCE["binding"], "purpose": ""}
    assert gateway_binding.binding(shown(values, []), "qr").hex() == EVIDENCE["nothing_asked"]["binding"]


@pytest.mark.parametrize("transport", ["app_link", "qr"])
def test_a_sheet_of_the_gateway_opens_as_the_vectors_do(transport):
    values = SHEETS[transport]
    key = bytes.fromhex(values["key"])
    request = shown(EVIDENCE["binding"], EVIDENCE["binding"]["asked"])
    sealed = sealed_sheet(request, transport, key, browser=("Firefox", "Windows"))
    assert len(sealed) == len(bytes.fromhex(values["sealed"]))
    opened = phone.open_display_sheet(sealed, key, transport)
    assert opened.SerializeToString(deterministic=True).hex() == values["serialized"]


def cases():
    """The evidence of the vectors with and without attributes: (evidence, binding, message, digest)."""
    values, commitment = EVIDENCE["message"], bytes.fromhex(EVIDENCE["sector"]["commitment"])
    for part, agreed in ((None, values["agreed"]), ("nothing_asked", [])):
        source = EVIDENCE[part] if part else None
        binding = bytes.fromhex(source["binding"] if source else EVIDENCE["binding"]["binding"])
        evidence = pb.Evidence(
            version=1,
            binding=binding,
            agreed=phone.in_enum_order(agreed),
            challenge_id=values["challenge_id"],
            expires_at=values["expires_at"],
            sector_commitment=commitment,
            notice_key=bytes.fromhex(EVIDENCE["attestation"]["notice_key"]),
        )
        for name in ("nonce", "claim_key_thumbprint", "sealing_key_thumbprint"):
            setattr(evidence, name, bytes.fromhex(values[name]))
        if source is None:
            evidence.attributes.name = EVIDENCE["attestation"]["attributes"]["name"]
            evidence.attributes.source = pb.ATTRIBUTES_SOURCE_CARD_APP
        message = bytes.fromhex(source["message"] if source else values["message"])
        digest = bytes.fromhex(source["digest"] if source else EVIDENCE["attestation"]["digest"])
        yield evidence, message, digest


@pytest.mark.parametrize("number", [0, 1])
def test_signed_messages_and_attested_digests(number):
    evidence, message, digest = list(cases())[number]
    assert phone.signed_message(evidence) == message
    assert phone.attested_digest(evidence) == digest
    seen = evidence_message.read_evidence(evidence.SerializeToString())
    issued = verifier_message.Issued(
        challenge_id=evidence.challenge_id,
        nonce=evidence.nonce,
        expires_at=evidence.expires_at,
        answered_at=evidence.expires_at - 1.0,
        claim_key_thumbprint=evidence.claim_key_thumbprint,
        sealing_key_thumbprint=evidence.sealing_key_thumbprint,
    )
    assert verifier_message.check_message(seen, issued) == message
    assert verifier_attestation.attested_digest(seen, message) == digest


def test_tokens_and_links():
    handle, link_secret, qr_secret, sheet_key = octets(TOKENS, "handle", "link_secret", "qr_secret", "sheet_key")
    at, step = TOKENS["qr_unix_seconds"], TOKENS["qr_step"]
    assert token.challenge_id_of(handle) == TOKENS["challenge_id"]
    secrets = token.TokenSecrets(link_secret=link_secret, qr_secret=qr_secret)
    for name in ("link_token", "qr_token"):
        token.check_genuine(token.parse_token(TOKENS[name]), secrets)
    assert token.QrClock(TOKENS["qr_step_seconds"]).step(at) == step
    assert gateway_qr.link_token(handle, link_secret) == TOKENS["link_token"]
    assert gateway_qr.qr_token(handle, qr_secret, at) == TOKENS["qr_token"]
    link = gateway_qr.link(TOKENS["app_link_base"], TOKENS["link_token"], sheet_key)
    assert link == TOKENS["app_link"]
    assert phone_link.parse(link) == phone_link.Link(TOKENS["link_token"], sheet_key)


def test_claim_keys_and_proofs():
    key = claim_key_of_coordinates(PROOFS["jwk"]["x"], PROOFS["jwk"]["y"])
    assert key.thumbprint.hex() == PROOFS["thumbprint"]
    sealed, nonce = octets(PROOFS, "sealed_evidence", "nonce")
    messages = {
        "claim": proof.claim_message(PROOFS["token"]),
        "answer": proof.answer_message(PROOFS["challenge_id"], sealed),
        "cancel": proof.cancel_message(PROOFS["challenge_id"], PROOFS["reason"]),
        "status": proof.status_message(PROOFS["challenge_id"], nonce),
    }
    for name, message in messages.items():
        assert message.hex() == PROOFS[name]["message"], name
        proof.check_proof(PROOFS[name]["proof_b64u"], key, message)


def test_evidence_is_sealed_to_the_verifier():
    seed, public_key, place, payload, sealed = octets(SEALING, "seed", "public_key", "info", "payload", "sealed")
    private = derive_key_pair(seed)
    assert private.public_key == public_key
    epoch, challenge_id = SEALING["epoch"], SEALING["challenge_id"]
    assert info(1, "evidence", "phone", "verifier", epoch, challenge_id.encode()) == place
    assert len(pad(payload, 8192)) == SEALING["padded_length"]
    assert unpad(private.decrypt(sealed, place)) == payload
    assert evidence_message.unseal(sealed, private, epoch, challenge_id, Sealer()) == payload


def test_the_verifiers_sealing_key_is_signed():
    chain_id, public_key, statement, signer, signature = octets(
        SEALING, "chain_id", "public_key", "statement", "statement_signer", "statement_signature"
    )
    epoch = SEALING["epoch"]
    assert sealing_statement_message("verifier", epoch, chain_id, public_key) == statement
    assert phone_sealing_key.statement("verifier", epoch, chain_id, public_key) == statement
    told = {
        "service": "verifier",
        "epoch": epoch,
        "chain_id": b64u(chain_id),
        "public_key": b64u(public_key),
        "signature": b64u(signature),
    }
    assert phone_sealing_key.Pins([signer]).check(told, epoch) == public_key


def test_notices_are_opened_by_the_phone_alone():
    key, sealed, serialized = octets(NOTICE, "notice_key", "notice", "serialized")
    assert phone.open_notice(sealed, key, NOTICE["challenge_id"]).SerializeToString() == serialized
    assert verifier_pb.Reason.Name(verifier_pb.Notice.FromString(serialized).reason) == NOTICE["reason"]
    made = verdict_message.seal_notice(Reason.CERTIFICATE_REVOKED, key, NOTICE["challenge_id"])
    place = b"shirushi notice v1" + NOTICE["challenge_id"].encode()
    assert AESGCM(key).decrypt(made[:12], made[12:], place) == serialized


@pytest.mark.parametrize("row", NETWORK["digests"], ids=lambda row: row["address"])
def test_network_digests(row):
    key = bytes.fromhex(NETWORK["key"])
    assert network_digest(row["address"], key).hex() == row["digest"]


def test_base64url_is_written_without_padding():
    assert unb64u(TOKENS["challenge_id"][1:], max_bytes=16).hex() == TOKENS["handle"]
