"""Turns an OCSP request into an OCSP response (RFC 6960), rightly or wrongly as the mode says."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509 import ocsp

from sandbox.ca.authority import Credential, TestAuthority
from sandbox.ca.profile import Kind
from sandbox.jlis.statuses import Statuses

VALIDITY = timedelta(minutes=5)
MAX_REQUEST = 4096


class Mode(StrEnum):
    """How the responder behaves; everything but `ok` is for tests of what a verifier must survive or refuse."""

    OK = "ok"
    SLOW = "slow"
    DEAD = "dead"
    HANGING = "hanging"
    ERROR = "error"
    TRY_LATER = "try_later"
    UNAUTHORIZED = "unauthorized"
    MALFORMED = "malformed"
    WRONG_SIGNATURE = "wrong_signature"
    WRONG_NONCE = "wrong_nonce"
    NO_NONCE = "no_nonce"
    WRONG_SERIAL = "wrong_serial"
    WRONG_RESPONDER = "wrong_responder"
    NO_RESPONDER = "no_responder"
    STALE = "stale"
    FUTURE = "future"
    UNKNOWN = "unknown"
    REVOKED = "revoked"
    SUSPENDED = "suspended"


# The modes that override what is known of the certificate.
_STATUS_MODES = {
    Mode.UNKNOWN: "unknown",
    Mode.REVOKED: "revoked",
    Mode.SUSPENDED: "suspended",
    Mode.TRY_LATER: "try_later",
}
_SHIFTS = {Mode.STALE: timedelta(minutes=-31), Mode.FUTURE: timedelta(minutes=31)}


@dataclass(frozen=True)
class Issuer:
    """A generation that leaves may have been issued by, and who answers for it."""

    kind: Kind
    responder: Credential


def _key_bits(certificate: x509.Certificate) -> bytes:
    """The subjectPublicKey bits, whose hash names an issuer in a CertID (RFC 6960 §4.1.1)."""
    key = certificate.public_key()
    if isinstance(key, rsa.RSAPublicKey):
        return key.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.PKCS1)
    if isinstance(key, ec.EllipticCurvePublicKey):
        return key.public_bytes(serialization.Encoding.X962, serialization.PublicFormat.UncompressedPoint)
    raise TypeError("The roots have RSA or elliptic-curve keys.")


def _digest(algorithm: hashes.HashAlgorithm, value: bytes) -> bytes:
    digest = hashes.Hash(algorithm)
    digest.update(value)
    return digest.finalize()


class Responder:
    """Answers for every generation of every authority, each by its delegated responder."""

    def __init__(self, authority: TestAuthority, statuses: Statuses, algorithm: str = "p256") -> None:
        self._statuses = statuses
        self._foreign = Credential(authority.app_instance.key, authority.app_instance.certificate)
        self._issuers: dict[tuple[str, bytes, bytes], Issuer] = {}
        for generation in authority.generations.values():
            issuer = Issuer(generation.kind, authority.responder(generation, algorithm))
            name, bits = generation.certificate.subject.public_bytes(), _key_bits(generation.certificate)
            # The algorithms that clients use for a CertID; SHA-1 identifies here, it protects nothing.
            for digest in (hashes.SHA1(), hashes.SHA256()):  # noqa: S303
                self._issuers[digest.name, _digest(digest, name), _digest(digest, bits)] = issuer

    def answer(self, body: bytes, mode: Mode = Mode.OK) -> bytes:
        """DER of the OCSP response; never raises, as a responder answers garbage too."""
        try:
            request = ocsp.load_der_ocsp_request(body)
            # Reading parses: a request with several CertIDs is refused here.
            key = (request.hash_algorithm.name, request.issuer_name_hash, request.issuer_key_hash)
        except (ValueError, TypeError, NotImplementedError):
            return _unsuccessful(ocsp.OCSPResponseStatus.MALFORMED_REQUEST)
        issuer = self._issuers.get(key)
        if issuer is None or mode is Mode.UNAUTHORIZED:
            return _unsuccessful(ocsp.OCSPResponseStatus.UNAUTHORIZED)
        status = _STATUS_MODES.get(mode) or self._statuses.of(issuer.kind, request.serial_number)
        if status == "try_later":
            return _unsuccessful(ocsp.OCSPResponseStatus.TRY_LATER)
        return self._successful(request, issuer, status, mode)

    def _successful(self, request: ocsp.OCSPRequest, issuer: Issuer, status: str, mode: Mode) -> bytes:
        now = datetime.now(UTC).replace(microsecond=0) + _SHIFTS.get(mode, timedelta(0))
        # RFC 5280 §5.3.1: the reason "unspecified" is told by telling none.
        reason = x509.ReasonFlags.certificate_hold if status == "suspended" else None
        responder = self._foreign if mode is Mode.WRONG_RESPONDER else issuer.responder
        builder = (
            ocsp.OCSPResponseBuilder()
            .add_response_by_hash(
                issuer_name_hash=request.issuer_name_hash,
                issuer_key_hash=request.issuer_key_hash,
                serial_number=request.serial_number + (mode is Mode.WRONG_SERIAL),
                algorithm=request.hash_algorithm,
                cert_status=_CERT_STATUSES[status],
                this_update=now,
                next_update=now + VALIDITY,
                revocation_time=now - timedelta(days=1) if status in {"revoked", "suspended"} else None,
                revocation_reason=reason,
            )
            .responder_id(ocsp.OCSPResponderEncoding.HASH, responder.certificate)
        )
        if mode is not Mode.NO_RESPONDER:
            builder = builder.certificates([responder.certificate])
        nonce = _nonce(request, mode)
        if nonce is not None:
            builder = builder.add_extension(nonce, critical=False)
        der = builder.sign(responder.key, hashes.SHA256()).public_bytes(serialization.Encoding.DER)
        return _broken_signature(der) if mode is Mode.WRONG_SIGNATURE else der


_CERT_STATUSES = {
    "good": ocsp.OCSPCertStatus.GOOD,
    "revoked": ocsp.OCSPCertStatus.REVOKED,
    "suspended": ocsp.OCSPCertStatus.REVOKED,
    "unknown": ocsp.OCSPCertStatus.UNKNOWN,
}


def _nonce(request: ocsp.OCSPRequest, mode: Mode) -> x509.OCSPNonce | None:
    """The request's own nonce (RFC 8954), or what the mode makes of it."""
    if mode is Mode.NO_NONCE:
        return None
    if mode is Mode.WRONG_NONCE:
        return x509.OCSPNonce(bytes(32))
    try:
        return request.extensions.get_extension_for_class(x509.OCSPNonce).value
    except (x509.ExtensionNotFound, ValueError):
        return None


def _unsuccessful(status: ocsp.OCSPResponseStatus) -> bytes:
    return ocsp.OCSPResponseBuilder.build_unsuccessful(status).public_bytes(serialization.Encoding.DER)


def _broken_signature(der: bytes) -> bytes:
    """The same response with one bit of its signature turned."""
    signature = ocsp.load_der_ocsp_response(der).signature
    at = der.index(signature) + len(signature) - 1
    return der[:at] + bytes([der[at] ^ 1]) + der[at + 1 :]
