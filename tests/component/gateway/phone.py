"""The holder's phone and the verifier behind it, as far as the gateway notices them."""

from html import unescape
from urllib.parse import unquote, urlsplit

from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from gateway.domain.binding import ShownRequest, binding
from kit.encoding import length_prefixed, unb64u
from kit.sealing import unpad
from shirushi.bus.v1 import envelope_pb2 as bus
from shirushi.challenge.v1 import events_pb2 as challenge
from shirushi.evidence.v1 import evidence_pb2 as evidence
from shirushi.verifier.v1 import events_pb2 as verifier

NAMES = {1: "name", 2: "address", 3: "birthdate", 4: "gender"}
PERSON = {"name": "山田 花子", "address": "東京都千代田区霞が関1-1-1", "birthdate": "19900401", "gender": "2"}
TRANSPORTS = {"app_link": evidence.TRANSPORT_APP_LINK, "qr": evidence.TRANSPORT_QR}


class Phone:
    """Opens a link, answers, and comes back."""

    def __init__(self, gateway, link):
        fragment = dict(pair.split("=", 1) for pair in urlsplit(unescape(link)).fragment.split("&"))
        token, key = unquote(fragment["t"]), unb64u(fragment["k"], max_bytes=32)
        self.gateway = gateway
        self.transport = {"a": "app_link", "q": "qr"}[token[0]]
        handle = unb64u(token[1:], max_bytes=64)[:16]
        self.login_id = gateway.challenges.login_of(handle)
        self.epoch = gateway.challenges.issued[self.login_id]["epoch"]
        sealed = gateway.challenges.sheets[self.login_id][self.transport]
        place = length_prefixed(b"shirushi display sheet v1", self.transport.encode())
        self.sheet = evidence.DisplaySheet.FromString(unpad(AESGCM(key).decrypt(sealed[:12], sealed[12:], place)))
        gateway.challenges.claimed.add(self.login_id)

    @property
    def asked(self):
        return [(NAMES[entry.attribute], entry.essential) for entry in self.sheet.asked]

    @property
    def return_path(self):
        return self.sheet.return_uri

    def binding(self, transport=None):
        shown = ShownRequest(
            client_id=self.sheet.client_id,
            rp_name=self.sheet.rp_name,
            origin=self.sheet.origin,
            purpose=self.sheet.purpose,
            asked=tuple(self.asked),
            blind=self.sheet.blind,
            sector_commitment=self.sheet.sector_commitment,
        )
        return binding(shown, transport or self.transport)

    def verified(self, agreed=None, **changes):
        """A verdict that the card is good."""
        agreed = [name for name, _ in self.asked] if agreed is None else agreed
        attributes = evidence.CardAttributes(source=evidence.ATTRIBUTES_SOURCE_CARD_APP)
        for name in agreed:
            setattr(attributes, name, PERSON[name])
        content = {
            "binding": self.binding(),
            "attributes": attributes,
            "agreed": [number for number, name in NAMES.items() if name in agreed],
            "assurance": verifier.ASSURANCE_CARD,
            "revocation": verifier.RevocationCheck(
                method=verifier.REVOCATION_METHOD_OCSP, checked_at_ms=int(self.gateway.clock.now() * 1000)
            ),
            "sealed_subject": b"sealed subject of hanako",
            "verified_at_ms": int(self.gateway.clock.now() * 1000),
            **changes,
        }
        return verifier.VerificationCompleted(verified=verifier.Verified(**content))

    async def verdict(self, message, login_id=None):
        """Publishes a verdict as the verifier, and waits until it has been taken."""
        login_id = login_id or self.login_id
        self.gateway.challenges.answered.add(self.login_id)
        await self.gateway.verifier.publish(bus.EVENT_TYPE_VERIFICATION_COMPLETED, login_id, self.epoch, message)
        await self.gateway.hub.settle()

    async def approve(self, **changes):
        await self.verdict(self.verified(**changes))

    async def refuse(self, reason, notice=b""):
        refused = verifier.Refused(reason=reason, notice=notice)
        await self.verdict(verifier.VerificationCompleted(refused=refused))

    async def cancel(self, reason=challenge.CANCEL_REASON_DECLINED, by=challenge.CANCELLED_BY_HOLDER):
        """Publishes the holder's cancellation as challenge."""
        message = challenge.ChallengeCancelled(by=by, reason=reason)
        await self.gateway.challenge.publish(bus.EVENT_TYPE_CHALLENGE_CANCELLED, self.login_id, self.epoch, message)
        await self.gateway.hub.settle()
