"""A fake of challenge's public app API with a verifier behind it: it opens what the phone sealed and keeps it."""

import hashlib
import json
from dataclasses import dataclass, field
from secrets import token_bytes

from aiohttp import web
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from kit.encoding import b64u, length_prefixed, unb64u
from kit.sealing import Sealer, derive_key_pair, info, pad, unpad
from shirushi.evidence.v1 import evidence_pb2 as pb
from shirushi.verifier.v1 import events_pb2 as verifier_pb

# One length for every answer, whatever it holds: what challenge hands on is padded to 8 KiB with all around it.
EVIDENCE_BYTES = 6144
EPOCH = 29_916_666
CHALLENGE_ID = "cAAECAwQFBgcICQoLDA0ODw"
TOKEN = "a" + b64u(bytes(32))


def es256(jwk, signature, message):
    x, y = (int.from_bytes(unb64u(jwk[name], max_bytes=32), "big") for name in "xy")
    raw = unb64u(signature, max_bytes=64)
    der = encode_dss_signature(int.from_bytes(raw[:32], "big"), int.from_bytes(raw[32:], "big"))
    ec.EllipticCurvePublicNumbers(x, y, ec.SECP256R1()).public_key().verify(der, message, ec.ECDSA(hashes.SHA256()))


def a_sheet(transport=pb.TRANSPORT_APP_LINK, **fields):
    sheet = pb.DisplaySheet(
        version=1,
        client_id="city",
        rp_name="しるし市 子育てアプリ",
        origin="https://localhost:8447",
        purpose="保護者の方の本人確認のため",
        browser_family="Firefox",
        browser_system="Windows",
        pin=pb.CERTIFICATE_KIND_USER_AUTHENTICATION,
        blind=bytes(32),
        sector_commitment=bytes(range(32)),
        transport=transport,
        return_uri="https://localhost:8443/return?c=once",
    )
    sheet.asked.add(attribute=pb.ATTRIBUTE_NAME, essential=True)
    sheet.asked.add(attribute=pb.ATTRIBUTE_ADDRESS, essential=False)
    for name, value in fields.items():
        setattr(sheet, name, value)
    return sheet


@dataclass
class AppApi:
    sheet: pb.DisplaySheet = field(default_factory=a_sheet)
    network_hint: str = "same"
    signer: Ed25519PrivateKey = field(default_factory=Ed25519PrivateKey.generate)
    refusal: int | None = None
    evidence: pb.Evidence | None = None
    answers: int = 0
    cancelled: str | None = None
    claim_key: dict | None = None
    problem: tuple[int, str] | None = None

    def __post_init__(self):
        self.pair = derive_key_pair(token_bytes(96))
        self.sheet_key = token_bytes(32)
        self.nonce = token_bytes(32)

    @property
    def pinned(self):
        return [self.signer.public_key().public_bytes_raw()]

    @property
    def transport(self):
        return "qr" if self.sheet.transport == pb.TRANSPORT_QR else "app_link"

    @property
    def link(self):
        return f"https://localhost:8446/link#t={TOKEN}&k={b64u(self.sheet_key)}"

    def app(self):
        app = web.Application()
        app.router.add_post("/v1/challenges/{tail:.*}", self.handle)
        return app

    async def handle(self, request):
        if self.problem is not None:
            status, code = self.problem
            body = json.dumps({"type": "about:blank", "title": code, "status": status, "code": code}).encode()
            return web.Response(status=status, body=body, content_type="application/problem+json")
        body = await request.json()
        action = request.match_info["tail"].removeprefix(f"{CHALLENGE_ID}/")
        try:
            return web.json_response(getattr(self, action)(body), status=202 if action == "answer" else 200)
        except InvalidSignature:
            return web.json_response({"code": "proof_invalid"}, status=401)

    def check(self, body, label, *parts):
        es256(self.claim_key, body["proof"], length_prefixed(label.encode(), CHALLENGE_ID.encode(), *parts))

    def resolve(self, body):
        assert body["token"] == TOKEN
        return {"challenge_id": CHALLENGE_ID, "transport": self.transport, "state": "issued", "expires_at": 1}

    def claim(self, body):
        assert body["token"] == TOKEN
        es256(body["claim_key"], body["proof"], length_prefixed(b"shirushi claim v1", TOKEN.encode()))
        self.claim_key = body["claim_key"]
        aad = length_prefixed(b"shirushi display sheet v1", self.transport.encode())
        nonce = token_bytes(12)
        public_key, chain_id = self.pair.public_key, bytes(16)
        statement = length_prefixed(
            b"shirushi sealing key v1", b"verifier", EPOCH.to_bytes(4, "big"), chain_id, public_key
        )
        return {
            "challenge_id": CHALLENGE_ID,
            "epoch": EPOCH,
            "nonce": b64u(self.nonce),
            "expires_at": 1_795_000_000,
            "transport": self.transport,
            "network_hint": self.network_hint,
            "display_sheet": b64u(
                nonce + AESGCM(self.sheet_key).encrypt(nonce, pad(self.sheet.SerializeToString(), 1024), aad)
            ),
            "sealing_key": {
                "service": "verifier",
                "epoch": EPOCH,
                "chain_id": b64u(chain_id),
                "public_key": b64u(public_key),
                "signature": b64u(self.signer.sign(statement)),
            },
        }

    def answer(self, body):
        sealed = unb64u(body["sealed_evidence"], max_bytes=65536)
        self.check(body, "shirushi answer v1", hashlib.sha256(sealed).digest())
        bound = info(1, "evidence", "phone", "verifier", EPOCH, CHALLENGE_ID.encode())
        padded = Sealer().open_(sealed, self.pair, bound)
        assert len(padded) == EVIDENCE_BYTES
        self.evidence = pb.Evidence.FromString(unpad(padded))
        self.answers += 1
        return {"state": "answered"}

    def cancel(self, body):
        self.check(body, "shirushi cancel v1", body["reason"].encode())
        self.cancelled = body["reason"]
        return {"state": "cancelled"}

    def status(self, body):
        self.check(body, "shirushi status v1", b64u(self.nonce).encode())
        if self.refusal is None or self.evidence is None:
            return {"state": "cancelled" if self.cancelled else "answered"}
        notice = verifier_pb.Notice(reason=self.refusal).SerializeToString()
        nonce, aad = token_bytes(12), b"shirushi notice v1" + CHALLENGE_ID.encode()
        return {
            "state": "refused",
            "notice": b64u(nonce + AESGCM(self.evidence.notice_key).encrypt(nonce, notice, aad)),
        }
