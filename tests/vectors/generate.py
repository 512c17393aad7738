"""Writes the vectors of every byte string in docs/app-api.md: `python tests/vectors/generate.py` (`--check` compares).

Made from the document with the standard library and `cryptography` alone, without any code of the project, so that the
implementations on both sides are held to the document and not to each other. All bytes are in hex unless the key says
otherwise. What is random by nature (one HPKE ciphertext) is kept from the file that is there.
"""

import argparse
import base64
import hashlib
import hmac
import json
import struct
import sys
from pathlib import Path
from typing import Any

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.mlkem import MLKEM768PrivateKey
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hpke import AEAD, KDF, KEM, MLKEM768X25519PrivateKey, Suite

HERE = Path(__file__).parent
ABOUT = "Byte strings of docs/app-api.md, made without any code of the project; all bytes in hex."
ATTRIBUTES = {"name": 1, "address": 2, "birthdate": 3, "gender": 4}
TRANSPORTS = {"app_link": 1, "qr": 2}
SUITE = Suite(KEM.MLKEM768_X25519, KDF.HKDF_SHA256, AEAD.AES_256_GCM)

Values = dict[str, Any]


def lp(*parts: bytes) -> bytes:
    return b"".join(struct.pack(">I", len(part)) + part for part in parts)


def sha(data: bytes) -> bytes:
    return hashlib.sha256(data).digest()


def mac(key: bytes, data: bytes) -> bytes:
    return hmac.new(key, data, hashlib.sha256).digest()


def b64u(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def run_of(first: int, length: int = 32) -> bytes:
    """Bytes that count upwards, so that a mistaken offset shows."""
    return bytes(value % 256 for value in range(first, first + length))


def pad(payload: bytes, size: int) -> bytes:
    while size < len(payload) + 4:
        size *= 2
    return (struct.pack(">I", len(payload)) + payload).ljust(size, b"\0")


# Protocol Buffers by hand (proto3, fields in order, defaults left out).


def varint(value: int) -> bytes:
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*out, value])


def number(field: int, value: int) -> bytes:
    return varint(field << 3) + varint(value) if value else b""


def octets(field: int, value: bytes) -> bytes:
    return varint(field << 3 | 2) + varint(len(value)) + value if value else b""


# The documents.


def sector() -> Values:
    key, identifier, blind = run_of(0xE0), "https://www.city.shirushi.example", run_of(0x20)
    label = mac(key, b"shirushi sector v1" + identifier.encode())
    return {
        "key": key,
        "identifier": identifier,
        "label": label,
        "blind": blind,
        "commitment": sha(lp(b"shirushi sector commitment v1", label, blind)),
    }


def sheet_of(commitment: bytes, transport: str) -> Values:
    return {
        "blind": run_of(0x40),
        "client_id": "city",
        "rp_name": "しるし市 子育てアプリ",
        "origin": "https://localhost:8447",
        "sector_commitment": commitment,
        "purpose": "保護者の方の本人確認のため",
        "asked": [["name", "essential"], ["birthdate", "voluntary"]],
        "transport": transport,
    }


def binding_of(sheet: Values) -> bytes:
    asked = lp(*(f"{name}:{need}".encode() for name, need in sheet["asked"]))
    return sha(
        lp(
            b"shirushi binding v1",
            sheet["blind"],
            sheet["client_id"].encode(),
            sheet["rp_name"].encode(),
            sheet["origin"].encode(),
            sheet["sector_commitment"],
            sheet["purpose"].encode(),
            asked,
            sheet["transport"].encode(),
        )
    )


def message_of(binding: bytes, fields: Values) -> bytes:
    return lp(
        b"shirushi evidence v1",
        binding,
        lp(*(name.encode() for name in fields["agreed"])),
        fields["challenge_id"].encode(),
        fields["nonce"],
        str(fields["expires_at"]).encode(),
        fields["claim_key_thumbprint"],
        fields["sealing_key_thumbprint"],
    )


CHALLENGE_ID = "c" + b64u(run_of(0, 16))


def evidence() -> Values:
    label, blind = run_of(0), run_of(0x20)
    commitment = sha(lp(b"shirushi sector commitment v1", label, blind))
    sheet = sheet_of(commitment, "app_link")
    fields = {
        "agreed": ["name"],
        "challenge_id": CHALLENGE_ID,
        "nonce": run_of(0xA0),
        "expires_at": 1795000000,
        "claim_key_thumbprint": run_of(0x60),
        "sealing_key_thumbprint": run_of(0x80),
    }
    message = message_of(binding_of(sheet), fields)
    attributes = octets(1, "番号　花子".encode()) + number(5, 1)
    notice_key = run_of(0xC0)
    digest = sha(lp(b"shirushi attestation v1", sha(message), commitment, attributes, notice_key))
    nothing = {**fields, "agreed": []}
    bare = message_of(binding_of({**sheet, "asked": [], "purpose": "", "transport": "qr"}), nothing)
    return {
        "sector": {"label": label, "blind": blind, "commitment": commitment},
        "binding": {**sheet, "binding": binding_of(sheet)},
        "message": {**fields, "message": message},
        "attestation": {
            "attributes": {"name": "番号　花子", "source": "card_app"},
            "serialized": attributes,
            "notice_key": notice_key,
            "digest": digest,
        },
        "nothing_asked": {
            "transport": "qr",
            "binding": binding_of({**sheet, "asked": [], "purpose": "", "transport": "qr"}),
            "message": bare,
            "digest": sha(lp(b"shirushi attestation v1", sha(bare), commitment, b"", notice_key)),
        },
    }


def display_sheet() -> Values:
    """The sheet of `evidence.json`, sealed for each transport."""
    label, blind = run_of(0), run_of(0x20)
    out: Values = {}
    for transport, wire in TRANSPORTS.items():
        sheet = sheet_of(sha(lp(b"shirushi sector commitment v1", label, blind)), transport)
        plain = number(1, 1)
        plain += octets(2, sheet["client_id"].encode()) + octets(3, sheet["rp_name"].encode())
        plain += octets(4, sheet["origin"].encode()) + octets(5, sheet["purpose"].encode())
        for name, need in sheet["asked"]:
            plain += octets(6, number(1, ATTRIBUTES[name]) + number(2, int(need == "essential")))
        plain += octets(7, b"Firefox") + octets(8, b"Windows") + number(9, 1)
        plain += octets(10, sheet["blind"]) + octets(11, sheet["sector_commitment"]) + number(12, wire)
        key, nonce = run_of(0x10 * wire), run_of(0xF0, 12)
        sealed = nonce + AESGCM(key).encrypt(
            nonce, pad(plain, 1024), lp(b"shirushi display sheet v1", transport.encode())
        )
        out[transport] = {"key": key, "serialized": plain, "sealed": sealed, "binding": binding_of(sheet)}
    return out


def tokens() -> Values:
    handle, link_secret, qr_secret, step = run_of(0, 16), run_of(0x10, 16), run_of(0x20), 359000004
    tag = mac(qr_secret, lp(b"shirushi qr v1", handle, struct.pack(">I", step)))[:16]
    sheet_key = run_of(0x30)
    link = "a" + b64u(handle + link_secret)
    return {
        "handle": handle,
        "challenge_id": "c" + b64u(handle),
        "link_secret": link_secret,
        "link_token": link,
        "qr_secret": qr_secret,
        "qr_step_seconds": 5,
        "qr_unix_seconds": step * 5 + 2,
        "qr_step": step,
        "qr_token": "q" + b64u(handle + struct.pack(">I", step) + tag),
        "sheet_key": sheet_key,
        "app_link_base": "https://app.example/link",
        "app_link": f"https://app.example/link#t={link}&k={b64u(sheet_key)}",
    }


def proofs() -> Values:
    key = ec.derive_private_key(int.from_bytes(run_of(1), "big"), ec.SECP256R1())
    numbers = key.public_key().public_numbers()
    x, y = (b64u(value.to_bytes(32, "big")) for value in (numbers.x, numbers.y))
    sealed, nonce, token = bytes(range(256)) * 6, run_of(0xA0), tokens()["link_token"]

    def proof(*parts: bytes) -> Values:
        # Deterministic (RFC 6979) for the file's sake; a phone's own signatures may be random.
        der = key.sign(lp(*parts), ec.ECDSA(hashes.SHA256(), deterministic_signing=True))
        r, s = decode_dss_signature(der)
        return {"message": lp(*parts), "proof_b64u": b64u(r.to_bytes(32, "big") + s.to_bytes(32, "big"))}

    challenge_id = CHALLENGE_ID.encode()
    return {
        "private": run_of(1),
        "jwk": {"kty": "EC", "crv": "P-256", "x": x, "y": y},
        "thumbprint": sha(f'{{"crv":"P-256","kty":"EC","x":"{x}","y":"{y}"}}'.encode()),
        "token": token,
        "challenge_id": CHALLENGE_ID,
        "sealed_evidence": sealed,
        "nonce": nonce,
        "reason": "pin_locked",
        "claim": proof(b"shirushi claim v1", token.encode()),
        "answer": proof(b"shirushi answer v1", challenge_id, sha(sealed)),
        "cancel": proof(b"shirushi cancel v1", challenge_id, b"pin_locked"),
        "status": proof(b"shirushi status v1", challenge_id, b64u(nonce).encode()),
    }


def sealing(before: Values) -> Values:
    seed, epoch = run_of(0, 96), 29916667
    mlkem = MLKEM768PrivateKey.from_seed_bytes(seed[:64])
    x25519 = X25519PrivateKey.from_private_bytes(seed[64:])
    private = MLKEM768X25519PrivateKey(mlkem, x25519)
    public = mlkem.public_key().public_bytes_raw() + x25519.public_key().public_bytes_raw()
    info = lp(struct.pack(">I", 1), b"evidence", b"phone", b"verifier", struct.pack(">I", epoch), CHALLENGE_ID.encode())
    plain = pad(b"evidence", 8192)
    try:
        sealed = bytes.fromhex(before["sealed"])
        kept = SUITE.decrypt(sealed, private, info=info) == plain
    except (KeyError, ValueError, InvalidTag):
        kept = False
    if not kept:
        sealed = SUITE.encrypt(plain, private.public_key(), info=info)
    signer = Ed25519PrivateKey.from_private_bytes(run_of(0x77))
    chain_id = run_of(0x90, 16)
    statement = lp(b"shirushi sealing key v1", b"verifier", struct.pack(">I", epoch), chain_id, public)
    return {
        "seed": seed,
        "public_key": public,
        "thumbprint": sha(public),
        "epoch": epoch,
        "challenge_id": CHALLENGE_ID,
        "info": info,
        "payload": b"evidence",
        "padded_length": len(plain),
        "padded_sha256": sha(plain),
        "sealed": sealed,
        "chain_id": chain_id,
        "statement": statement,
        "statement_signer": signer.public_key().public_bytes_raw(),
        "statement_signature": signer.sign(statement),
    }


def notice() -> Values:
    key, nonce, plain = run_of(0xC0), run_of(0x50, 12), number(1, 28)
    sealed = nonce + AESGCM(key).encrypt(nonce, plain, b"shirushi notice v1" + CHALLENGE_ID.encode())
    return {
        "notice_key": key,
        "challenge_id": CHALLENGE_ID,
        "reason": "REASON_CERTIFICATE_REVOKED",
        "serialized": plain,
        "notice": sealed,
    }


def network() -> Values:
    key = run_of(0x33)
    networks = {
        "192.0.2.7": "192.0.2.0/24",
        "::ffff:192.0.2.99": "192.0.2.0/24",
        "198.51.100.255": "198.51.100.0/24",
        "2001:db8:0:12ab::1": "2001:db8:0:1200::/56",
        "::1": "::/56",
        "127.0.0.1": "127.0.0.0/24",
    }
    digests = [
        {"address": address, "network": name, "digest": mac(key, lp(b"shirushi network v1", name.encode()))}
        for address, name in networks.items()
    ]
    return {"key": key, "digests": digests}


def plain_json(value: Any) -> Any:
    """Bytes to hex, all the way down."""
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, dict):
        return {key: plain_json(inner) for key, inner in value.items()}
    return [plain_json(inner) for inner in value] if isinstance(value, list) else value


def read(name: str) -> Values:
    path = HERE / f"{name}.json"
    return json.loads(path.read_text()) if path.exists() else {}


def documents() -> dict[str, str]:
    """The files by name."""
    made = {
        "sector": sector(),
        "evidence": evidence(),
        "display_sheet": display_sheet(),
        "tokens": tokens(),
        "proofs": proofs(),
        "sealing": sealing(read("sealing")),
        "notice": notice(),
        "network": network(),
    }
    return {
        name: json.dumps({"about": ABOUT, **plain_json(values)}, ensure_ascii=False, indent=1) + "\n"
        for name, values in made.items()
    }


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--check", action="store_true", help="write nothing; fail where a file differs")
    check = parser.parse_args().check
    differing = []
    for name, text in documents().items():
        path = HERE / f"{name}.json"
        if check and (not path.exists() or path.read_text() != text):
            differing.append(path.name)
        elif not check:
            path.write_text(text)
    sys.stderr.write("".join(f"{name} differs from what generate.py makes\n" for name in differing))
    return 1 if differing else 0


if __name__ == "__main__":
    sys.exit(main())
