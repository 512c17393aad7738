"""Decides what an OCSP response says about one certificate: the numbered steps of RFC 6960 §3.2, in their order.

What cannot be used, for whatever reason, is never an answer about the card: whoever stands between could have made it.

Deliberately skipped: the revocation of a delegated responder's own certificate (RFC 6960 §4.2.2.2.1 leaves it to local
policy where the issuer marks it with id-pkix-ocsp-nocheck or says nothing); locally configured responders (§4.2.2.2,
first case), as JPKI has none to configure.
"""

import hashlib
import hmac
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509 import ocsp
from cryptography.x509.oid import ExtendedKeyUsageOID

from verifier.domain.certificate import PARSING_ERRORS
from verifier.domain.certification_path import TrustAnchor
from verifier.domain.key_strength import algorithms_of, is_strong
from verifier.domain.validity import is_within

MAX_RESPONSE_BYTES = 16 * 1024
# RFC 8954 §2.1: 32 octets is what a client should send.
NONCE_BYTES = 32


class Unusable(Exception):  # noqa: N818 - an answer about a response, not a failure of this process
    """A response that decides nothing; `problem` is snake_case from a short closed set, safe as a metric label."""

    def __init__(self, problem: str) -> None:
        super().__init__(problem)
        self.problem = problem


class Standing(Enum):
    """What the revocation source says of a certificate."""

    GOOD = "good"
    REVOKED = "revoked"
    SUSPENDED = "suspended"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class CertificateStatus:
    """A usable answer, and since when the source knew it."""

    standing: Standing
    this_update: datetime


@dataclass(frozen=True, slots=True)
class Freshness:
    """How old a response may be, and how far the responder's clock may be from ours."""

    max_age: timedelta = timedelta(minutes=15)
    tolerance: timedelta = timedelta(minutes=1)


@dataclass(frozen=True, slots=True, repr=False)
class CertificateId:
    """What names a certificate to a responder (RFC 6960 §4.1.1): SHA-1 of the issuer's name and key, and the serial.

    SHA-1 is what every responder understands (RFC 5019 §2.1.1). It protects nothing here: both inputs are a trust
    anchor's, and the response is signed.
    """

    issuer_name_hash: bytes
    issuer_key_hash: bytes
    serial: int

    @classmethod
    def of(cls, anchor: TrustAnchor, serial: int) -> "CertificateId":
        """Names the certificate with this serial that this anchor issued."""
        return cls(
            _sha1(anchor.certificate.subject.public_bytes()), _sha1(_key_bits(anchor.certificate.public_key())), serial
        )


@dataclass(frozen=True, slots=True, repr=False)
class Inquiry:
    """What is asked: the standing of one certificate of one anchor, with a nonce that no earlier response can hold."""

    anchor: TrustAnchor
    certificate_id: CertificateId
    nonce: bytes

    @classmethod
    def about(cls, anchor: TrustAnchor, serial: int, nonce: bytes) -> "Inquiry":
        """Asks about the certificate with this serial that this anchor issued; `nonce` is 32 random bytes."""
        return cls(anchor, CertificateId.of(anchor, serial), nonce)

    def request(self) -> bytes:
        """Returns the DER of an unsigned request about one certificate (RFC 6960 §4.1.1) with a nonce (RFC 8954)."""
        return (
            ocsp.OCSPRequestBuilder()
            .add_certificate_by_hash(
                self.certificate_id.issuer_name_hash,
                self.certificate_id.issuer_key_hash,
                self.certificate_id.serial,
                hashes.SHA1(),  # noqa: S303 - see CertificateId
            )
            .add_extension(x509.OCSPNonce(self.nonce), critical=False)
            .build()
            .public_bytes(Encoding.DER)
        )


def read_response(der: bytes, inquiry: Inquiry, now: datetime, freshness: Freshness) -> CertificateStatus:
    """Returns what a response to an inquiry says.

    Raises:
        Unusable: it decides nothing.
    """
    if len(der) > MAX_RESPONSE_BYTES:
        raise Unusable("too_large")
    try:
        response = ocsp.load_der_ocsp_response(der)
        check_successful(response)
        single = check_single_answer(response)
        check_certificate_id(single, inquiry.certificate_id)  # RFC 6960 §3.2 step 1
        responder = find_responder(response, inquiry.anchor)
        check_response_signature(response, responder)  # step 2
        check_responder_identity(response, responder)  # step 3
        check_responder_authorisation(responder, inquiry.anchor, now)  # step 4
        check_nonce(response, inquiry.nonce)  # §4.4.1
        check_produced_at(response.produced_at_utc, now, freshness)
        check_this_update(single, now, freshness)  # step 5
        check_next_update(single, now, freshness)  # step 6
        return CertificateStatus(standing_of(single), single.this_update_utc)
    except PARSING_ERRORS:
        # Read lazily, so a malformed field may show at any step; the texts quote what was parsed.
        raise Unusable("malformed") from None


def check_successful(response: ocsp.OCSPResponse) -> None:
    """Refuses every response status but successful (RFC 6960 §4.2.1): such a response is not signed.

    Raises:
        Unusable
    """
    if response.response_status is not ocsp.OCSPResponseStatus.SUCCESSFUL:
        raise Unusable(f"status_{response.response_status.name.lower()}")


def check_single_answer(response: ocsp.OCSPResponse) -> ocsp.OCSPSingleResponse:
    """Returns the one answer of a response; one certificate was asked about, so two are not for us.

    Raises:
        Unusable
    """
    answers = list(response.responses)
    if len(answers) != 1:
        raise Unusable("several_answers")
    # RFC 6960 §4.2.1 and RFC 5280 §5.2: a critical extension that is not understood must not be passed over.
    if any(extension.critical for extension in response.extensions) or any(
        extension.critical for extension in response.single_extensions
    ):
        raise Unusable("critical_extension")
    return answers[0]


def check_certificate_id(single: ocsp.OCSPSingleResponse, certificate_id: CertificateId) -> None:
    """Step 1: the certificate in the response is the one in the request.

    Raises:
        Unusable
    """
    if (
        not isinstance(single.hash_algorithm, hashes.SHA1)
        or single.issuer_name_hash != certificate_id.issuer_name_hash
        or single.issuer_key_hash != certificate_id.issuer_key_hash
        or single.serial_number != certificate_id.serial
    ):
        raise Unusable("wrong_certificate")


def find_responder(response: ocsp.OCSPResponse, anchor: TrustAnchor) -> x509.Certificate:
    """Returns the certificate of who should have signed: the one that came along, else the issuer's own.

    Raises:
        Unusable: several came along.
    """
    certificates = response.certificates
    if len(certificates) > 1:
        raise Unusable("several_responders")
    return certificates[0] if certificates else anchor.certificate


def check_response_signature(response: ocsp.OCSPResponse, responder: x509.Certificate) -> None:
    """Step 2: the signature on the response is valid.

    Raises:
        Unusable
    """
    key = responder.public_key()
    if not is_strong(key):
        raise Unusable("weak_responder_key")
    algorithm = response.signature_hash_algorithm
    if response.signature_algorithm_oid not in algorithms_of(key) or algorithm is None:
        raise Unusable("signature_algorithm")
    try:
        if isinstance(key, rsa.RSAPublicKey):
            key.verify(response.signature, response.tbs_response_bytes, padding.PKCS1v15(), algorithm)
        elif isinstance(key, ec.EllipticCurvePublicKey):
            key.verify(response.signature, response.tbs_response_bytes, ec.ECDSA(algorithm))
    except InvalidSignature:
        raise Unusable("signature") from None


def check_responder_identity(response: ocsp.OCSPResponse, responder: x509.Certificate) -> None:
    """Step 3: the signer is the responder that the response names, by name or by SHA-1 of its key (§4.2.1).

    Raises:
        Unusable
    """
    if response.responder_key_hash is not None:
        same = response.responder_key_hash == _sha1(_key_bits(responder.public_key()))
    else:
        same = response.responder_name == responder.subject
    if not same:
        raise Unusable("responder_identity")


def check_responder_authorisation(responder: x509.Certificate, anchor: TrustAnchor, now: datetime) -> None:
    """Step 4: the signer may answer for certificates of this issuer: it is the issuer, or the issuer says so (§4.2.2.2).

    Raises:
        Unusable
    """
    if responder.public_bytes(Encoding.DER) == anchor.certificate.public_bytes(Encoding.DER):
        if not anchor.is_valid_at(now):
            raise Unusable("responder_expired")
        return
    try:
        # §4.2.2.2: issued directly, by the very key that issued the certificate asked about.
        responder.verify_directly_issued_by(anchor.certificate)
    except (ValueError, TypeError, InvalidSignature):
        raise Unusable("responder_not_authorised") from None
    if responder.signature_algorithm_oid not in algorithms_of(anchor.certificate.public_key()):
        raise Unusable("responder_not_authorised")
    extensions = responder.extensions
    try:
        usages = extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    except x509.ExtensionNotFound:
        raise Unusable("responder_not_authorised") from None
    # §4.2.2.2: id-kp-OCSPSigning must be there; it does not follow from anyExtendedKeyUsage.
    if ExtendedKeyUsageOID.OCSP_SIGNING not in usages or not _may_sign(extensions):
        raise Unusable("responder_not_authorised")
    if not is_within(responder.not_valid_before_utc, responder.not_valid_after_utc, now):
        raise Unusable("responder_expired")
    if not anchor.is_valid_at(now):
        raise Unusable("responder_expired")


def check_nonce(response: ocsp.OCSPResponse, nonce: bytes) -> None:
    """Refuses a response without our nonce (§4.4.1, RFC 8954): it may be an old one that somebody kept.

    Raises:
        Unusable
    """
    try:
        answered = response.extensions.get_extension_for_class(x509.OCSPNonce).value.nonce
    except x509.ExtensionNotFound:
        raise Unusable("nonce") from None
    if not hmac.compare_digest(answered, nonce):
        raise Unusable("nonce")


def check_produced_at(produced_at: datetime, now: datetime, freshness: Freshness) -> None:
    """Refuses a response that was not made just now (§2.4, producedAt): with our nonce in it, it cannot be older.

    Raises:
        Unusable
    """
    if produced_at > now + freshness.tolerance or produced_at < now - freshness.max_age - freshness.tolerance:
        raise Unusable("produced_at")


def check_this_update(single: ocsp.OCSPSingleResponse, now: datetime, freshness: Freshness) -> None:
    """Step 5: the time at which the status is known to be correct is recent, and not in the future (§4.2.2.1).

    Raises:
        Unusable
    """
    this_update = single.this_update_utc
    if this_update > now + freshness.tolerance:
        raise Unusable("this_update_in_future")
    if this_update < now - freshness.max_age - freshness.tolerance:
        raise Unusable("this_update_too_old")


def check_next_update(single: ocsp.OCSPSingleResponse, now: datetime, freshness: Freshness) -> None:
    """Step 6: newer information is not yet due; without nextUpdate it is available all the time (§2.4).

    Raises:
        Unusable
    """
    next_update = single.next_update_utc
    if next_update is None:
        return
    if next_update < single.this_update_utc or next_update < now - freshness.tolerance:
        raise Unusable("next_update_passed")


def standing_of(single: ocsp.OCSPSingleResponse) -> Standing:
    """Returns what the answer says (§2.2); what is on hold is suspended, everything else revoked is revoked."""
    if single.certificate_status is ocsp.OCSPCertStatus.GOOD:
        return Standing.GOOD
    if single.certificate_status is ocsp.OCSPCertStatus.UNKNOWN:
        return Standing.UNKNOWN
    # RFC 5280 §5.3.1: JPKI never lifts a certificateHold, but the holder is told the difference.
    if single.revocation_reason is x509.ReasonFlags.certificate_hold:
        return Standing.SUSPENDED
    return Standing.REVOKED


def _may_sign(extensions: x509.Extensions) -> bool:
    try:
        return extensions.get_extension_for_class(x509.KeyUsage).value.digital_signature
    except x509.ExtensionNotFound:
        return True


def _key_bits(key: object) -> bytes:
    """Returns the subjectPublicKey bits without tag, length and unused bits (RFC 6960 §4.1.1)."""
    if isinstance(key, rsa.RSAPublicKey):
        return key.public_bytes(Encoding.DER, PublicFormat.PKCS1)
    if isinstance(key, ec.EllipticCurvePublicKey):
        return key.public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
    raise Unusable("responder_key")


def _sha1(value: bytes) -> bytes:
    return hashlib.sha1(value, usedforsecurity=False).digest()


