"""What an honest phone answers to a challenge, built step by step so that a test can spoil any of them."""

import hashlib
from dataclasses import dataclass, field

from cryptography.hazmat.primitives.serialization import Encoding
from kit.sealing import Sealer, info, pad
from sandbox.ca.profile import Kind
from sandbox.cards import HANAKO
from sandbox.phone import messages
from sandbox.phone.claim_key import raw_es256
from shirushi.challenge.v1 import events_pb2 as challenge_pb
from shirushi.evidence.v1 import evidence_pb2 as pb

from tests.support import jpki
from tests.support.jpki import T0

CHALLENGE_ID = "cAAAAAAAAAAAAAAAAAAAAAA"
NONCE = b"N" * 32
CLAIM_KEY_THUMBPRINT = b"C" * 32
EXPIRES_AT = int(T0) + 240
NOTICE_KEY = b"K" * 32
KINDS = {
    Kind.AUTH: pb.CERTIFICATE_KIND_USER_AUTHENTICATION,
    Kind.PHONE: pb.CERTIFICATE_KIND_USER_AUTHENTICATION,
    Kind.SIGN: pb.CERTIFICATE_KIND_SIGNATURE,
}
ALGORITHMS = {
    "rsa": pb.SIGNATURE_ALGORITHM_RSA_PKCS1_SHA256,
    "secp256r1": pb.SIGNATURE_ALGORITHM_ECDSA_P256_SHA256,
    "secp384r1": pb.SIGNATURE_ALGORITHM_ECDSA_P384_SHA384,
}


def algorithm_of(card):
    return ALGORITHMS.get(getattr(getattr(card.key, "curve", None), "name", "rsa"), 0)


@dataclass
class Answer:
    """An answer in the making.

    Each `spoil_…` is called at its point: the message before it is signed (what the card signs is then wrong too),
    the signed evidence before it is attested, and the attested evidence before it is sealed.
    """

    cards: list = field(default_factory=lambda: [jpki.good_card()])
    agreed: tuple = ()
    source: int = pb.ATTRIBUTES_SOURCE_CARD_APP
    sealing_key: bytes = b"S" * 1216
    instance: object = field(default_factory=jpki.app_instance)
    spoil_message: object = None
    spoil_signed: object = None
    spoil_attested: object = None

    def evidence(self):
        evidence = pb.Evidence(
            version=1,
            binding=b"B" * 32,
            agreed=messages.in_enum_order(self.agreed),
            challenge_id=CHALLENGE_ID,
            nonce=NONCE,
            expires_at=EXPIRES_AT,
            claim_key_thumbprint=CLAIM_KEY_THUMBPRINT,
            sealing_key_thumbprint=hashlib.sha256(self.sealing_key).digest(),
            sector_commitment=b"M" * 32,
            notice_key=NOTICE_KEY,
        )
        if self.agreed:
            evidence.attributes.source = self.source
            if self.source == pb.ATTRIBUTES_SOURCE_CARD_APP:
                for name in self.agreed:
                    setattr(evidence.attributes, name, HANAKO.attribute(name))
        for card in self.cards:
            evidence.certificates.add(kind=KINDS[card.kind], der=card.der)
        _call(self.spoil_message, evidence)
        self.sign(evidence)
        _call(self.spoil_signed, evidence)
        self.attest(evidence)
        _call(self.spoil_attested, evidence)
        return evidence

    def sign(self, evidence):
        message = messages.signed_message(evidence)
        for index, card in enumerate(self.cards):
            evidence.signatures.add(certificate_index=index, algorithm=algorithm_of(card), value=card.sign(message))

    def attest(self, evidence):
        evidence.attestation.certificate_der = self.instance.certificate.public_bytes(Encoding.DER)
        evidence.attestation.signature = raw_es256(self.instance.key, messages.attested_digest(evidence))


def _call(spoil, evidence):
    if spoil is not None:
        spoil(evidence)


def challenge_answered(evidence, sealing_key, epoch, **changes):
    """What challenge publishes about it."""
    payload = evidence if isinstance(evidence, bytes) else evidence.SerializeToString()
    place = info(1, "evidence", "phone", "verifier", epoch, CHALLENGE_ID.encode())
    given = {
        "challenge_id": CHALLENGE_ID,
        "nonce": NONCE,
        "expires_at": EXPIRES_AT,
        "claim_key_thumbprint": CLAIM_KEY_THUMBPRINT,
        "transport": pb.TRANSPORT_QR,
        "sealed_evidence": Sealer().seal(pad(payload, 8192), sealing_key, place),
        "answered_at_ms": int(T0 * 1000) + 1000,
    }
    return challenge_pb.ChallengeAnswered(**(given | changes))
