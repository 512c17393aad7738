"""The app of the simulated phone as a library: claim, show, ask the card, answer."""

import hashlib
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from functools import partial
from http import HTTPStatus
from secrets import token_bytes
from typing import Any

import aiohttp
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from kit.encoding import b64u, unb64u
from kit.sealing import Sealer, info, pad
from shirushi.evidence.v1 import evidence_pb2 as pb
from shirushi.verifier.v1 import events_pb2 as verifier_pb

from sandbox.ca.authority import Credential
from sandbox.cards import Chip
from sandbox.patience import AWAY, Away, patiently
from sandbox.phone import messages, sealing_key
from sandbox.phone.claim_key import ClaimKey, raw_es256
from sandbox.phone.link import Link, parse

# With the HPKE overhead and the rest of ChallengeAnswered this stays within the 8 KiB that its event is padded to.
EVIDENCE_BYTES = 6144
MAX_FIELD = 8192
_ALGORITHMS = {
    "rsa": pb.SIGNATURE_ALGORITHM_RSA_PKCS1_SHA256,
    "p256": pb.SIGNATURE_ALGORITHM_ECDSA_P256_SHA256,
    "p384": pb.SIGNATURE_ALGORITHM_ECDSA_P384_SHA384,
}


class ApiError(Exception):
    """The app API refused; `code` is the problem's code, such as `token_expired`."""

    def __init__(self, status: int, code: str, title: str) -> None:
        super().__init__(f"{status} {code}")
        self.status = status
        self.code = code
        self.title = title


@dataclass
class Asked:
    """A claimed challenge: what the holder is shown, and what the answer must repeat."""

    challenge_id: str
    transport: str
    epoch: int
    nonce: bytes
    expires_at: int
    network_hint: str
    sheet: pb.DisplaySheet
    verifier_key: bytes
    claim_key: ClaimKey = field(repr=False)
    notice_key: bytes = field(repr=False, default_factory=lambda: token_bytes(32))
    sealed: bytes = field(repr=False, default=b"")


@dataclass(frozen=True)
class Status:
    """How the login stands, as the phone may know it; `reason` is the exact one, sealed to this phone."""

    state: str
    reason: str | None = None


@dataclass(frozen=True)
class Consent:
    """What the holder typed and agreed to; `text_pin` is needed only if an attribute is agreed."""

    pin: str
    agreed: Collection[str] = ()
    text_pin: str = ""


Tamper = Callable[[pb.Evidence], None]


class Phone:
    """One installed app: its attested instance key, the verifier keys it pins, and a connection to the app API."""

    def __init__(self, session: aiohttp.ClientSession, api: str, pinned: Sequence[bytes], instance: Credential) -> None:
        if not isinstance(instance.key, ec.EllipticCurvePrivateKey):
            raise TypeError("An app instance has an elliptic-curve key.")
        self._session = session
        self._api = f"{api.rstrip('/')}/v1/challenges"
        self._pinned = sealing_key.Pins(pinned)
        self._instance_key = instance.key
        self._instance_der = instance.certificate.public_bytes(Encoding.DER)
        self._sealer = Sealer()

    async def resolve(self, link: str) -> dict[str, Any]:
        """Asks what a link is about without claiming it."""
        return await self._post("resolve", {"token": parse(link).token})

    async def claim(self, link: str) -> Asked:
        """Claims the challenge behind a link and opens its display sheet.

        Raises:
            ValueError: It is no link of ours.
            ApiError: The API refused.
            messages.SheetError: The sheet was altered on its way.
            sealing_key.UntrustedKeyError: The key to seal to is not the verifier's.
        """
        parsed, key = parse(link), ClaimKey()
        answer = await self._post(
            "claim",
            {
                "token": parsed.token,
                "claim_key": key.jwk,
                "proof": key.prove("shirushi claim v1", parsed.token.encode()),
            },
        )
        return self._asked(answer, parsed, key)

    def _asked(self, answer: dict[str, Any], link: Link, key: ClaimKey) -> Asked:
        sealed = unb64u(answer["display_sheet"], max_bytes=MAX_FIELD)
        return Asked(
            challenge_id=answer["challenge_id"],
            transport=answer["transport"],
            epoch=answer["epoch"],
            nonce=unb64u(answer["nonce"], max_bytes=32),
            expires_at=answer["expires_at"],
            network_hint=answer["network_hint"],
            sheet=messages.open_display_sheet(sealed, link.sheet_key, answer["transport"]),
            verifier_key=self._pinned.check(answer["sealing_key"], answer["epoch"]),
            claim_key=key,
        )

    def evidence(self, asked: Asked, chip: Chip, consent: Consent) -> pb.Evidence:
        """Lets the card sign, and vouches for what the card does not.

        Raises:
            cards.WrongPinError, cards.PinBlockedError: As the card says.
        """
        evidence = pb.Evidence(
            version=1,
            binding=messages.binding(asked.sheet),
            agreed=messages.in_enum_order(consent.agreed),
            challenge_id=asked.challenge_id,
            nonce=asked.nonce,
            expires_at=asked.expires_at,
            claim_key_thumbprint=asked.claim_key.thumbprint,
            sealing_key_thumbprint=hashlib.sha256(asked.verifier_key).digest(),
            sector_commitment=asked.sheet.sector_commitment,
            notice_key=asked.notice_key,
        )
        if consent.agreed:
            person = chip.attributes(consent.text_pin)
            # Only what was agreed to leaves the phone.
            for name in consent.agreed:
                setattr(evidence.attributes, name, person.attribute(name))
            evidence.attributes.source = pb.ATTRIBUTES_SOURCE_CARD_APP
        evidence.certificates.add(kind=pb.CERTIFICATE_KIND_USER_AUTHENTICATION, der=chip.certificate("auth"))
        evidence.signatures.add(
            certificate_index=0,
            algorithm=_ALGORITHMS[chip.card.algorithm],
            value=chip.sign("auth", consent.pin, messages.signed_message(evidence)),
        )
        self.attest(evidence)
        return evidence

    def attest(self, evidence: pb.Evidence) -> None:
        """Signs the attested digest with the app instance's key."""
        evidence.attestation.certificate_der = self._instance_der
        evidence.attestation.signature = raw_es256(self._instance_key, messages.attested_digest(evidence))

    def seal(self, asked: Asked, evidence: pb.Evidence) -> bytes:
        """Seals the evidence to the verifier's key of the login's epoch."""
        bound = info(1, "evidence", "phone", "verifier", asked.epoch, asked.challenge_id.encode())
        padded = pad(evidence.SerializeToString(), EVIDENCE_BYTES)
        return self._sealer.seal(padded, asked.verifier_key, bound)

    async def approve(self, asked: Asked, chip: Chip, consent: Consent, tamper: Tamper | None = None) -> None:
        """Answers the challenge; the login goes on once this returns.

        `tamper` may spoil the evidence before it is sealed, for tests of what must be refused.
        """
        evidence = self.evidence(asked, chip, consent)
        if tamper is not None:
            tamper(evidence)
        asked.sealed = self.seal(asked, evidence)
        await self.post_answer(asked)

    async def post_answer(self, asked: Asked) -> None:
        """Posts the sealed evidence; again the same, if the first answer was lost on its way."""
        digest = hashlib.sha256(asked.sealed).digest()
        proof = asked.claim_key.prove("shirushi answer v1", asked.challenge_id.encode(), digest)
        await self._post(f"{asked.challenge_id}/answer", {"sealed_evidence": b64u(asked.sealed), "proof": proof})

    async def cancel(self, asked: Asked, reason: str = "declined") -> None:
        """Gives up: `declined`, `not_mine`, `pin_locked` or `card_unreadable`."""
        proof = asked.claim_key.prove("shirushi cancel v1", asked.challenge_id.encode(), reason.encode())
        await self._post(f"{asked.challenge_id}/cancel", {"reason": reason, "proof": proof})

    async def status(self, asked: Asked) -> Status:
        """How the login stands; after a refusal with the exact reason, such as `CERTIFICATE_REVOKED`."""
        proof = asked.claim_key.prove("shirushi status v1", asked.challenge_id.encode(), b64u(asked.nonce).encode())
        answer = await self._post(f"{asked.challenge_id}/status", {"proof": proof})
        if "notice" not in answer:
            return Status(answer["state"])
        sealed = unb64u(answer["notice"], max_bytes=MAX_FIELD)
        notice = messages.open_notice(sealed, asked.notice_key, asked.challenge_id)
        return Status(answer["state"], verifier_pb.Reason.Name(notice.reason).removeprefix("REASON_"))

    async def _post(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        """Posts until somebody answers: every request of this API may be sent again (docs/app-api.md)."""
        return await patiently(partial(self._post_once, path, body))

    async def _post_once(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        async with self._session.post(f"{self._api}/{path}", json=body) as response:
            if response.status in AWAY:
                raise Away
            if response.status >= HTTPStatus.MULTIPLE_CHOICES:
                problem = await _problem(response)
                raise ApiError(response.status, problem.get("code", "unknown"), problem.get("title", ""))
            answer: dict[str, Any] = await response.json()
            return answer


async def _problem(response: aiohttp.ClientResponse) -> dict[str, str]:
    """The problem details of a refusal (RFC 9457), or nothing if something else answered."""
    if response.content_type != "application/problem+json":
        return {}
    problem: dict[str, str] = await response.json(content_type=None)
    return problem
