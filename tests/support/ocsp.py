"""Builds OCSP responses byte by byte, so that a test can also make those that no library would."""

import hashlib
from dataclasses import dataclass, field
from datetime import timedelta

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509 import ocsp
from cryptography.x509.oid import ExtendedKeyUsageOID
from sandbox.ca.authority import Credential
from sandbox.ca.leaf import assemble, key_usage

from tests.support import jpki
from tests.support.jpki import NOW

SHA1, SHA256 = "1.3.14.3.2.26", "2.16.840.1.101.3.4.2.1"
BASIC, NONCE = "1.3.6.1.5.5.7.48.1.1", "1.3.6.1.5.5.7.48.1.2"
RSA_SHA1, RSA_SHA256, ECDSA_SHA256 = "1.2.840.113549.1.1.5", "1.2.840.113549.1.1.11", "1.2.840.10045.4.3.2"


def tlv(tag, *parts):
    value = b"".join(parts)
    if len(value) < 0x80:
        return bytes([tag, len(value)]) + value
    length = len(value).to_bytes((len(value).bit_length() + 7) // 8, "big")
    return bytes([tag, 0x80 | len(length)]) + length + value


def sequence(*parts):
    return tlv(0x30, *parts)


def octets(value):
    return tlv(0x04, value)


def integer(value):
    return tlv(0x02, value.to_bytes(value.bit_length() // 8 + 1, "big"))


def oid(dotted):
    first, second, *arcs = map(int, dotted.split("."))
    encoded = bytearray([40 * first + second])
    for arc in arcs:
        groups = [arc & 0x7F]
        while arc := arc >> 7:
            groups.append(arc & 0x7F | 0x80)
        encoded += bytes(reversed(groups))
    return tlv(0x06, bytes(encoded))


def time(at):
    return tlv(0x18, at.strftime("%Y%m%d%H%M%SZ").encode())


def key_bits(key):
    if isinstance(key, rsa.RSAPublicKey):
        return key.public_bytes(Encoding.DER, PublicFormat.PKCS1)
    return key.public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)


def responder(issuer, *, name="responder", algorithm="p256", usages=(ExtendedKeyUsageOID.OCSP_SIGNING,), **validity):
    """A responder that an issuer has delegated to; `usages` None leaves the extended key usage out."""
    private = jpki.key(algorithm, name)
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
    extensions = [(key_usage(validity.pop("key_usage", "digital_signature")), True)]
    if usages is not None:
        extensions.append((x509.ExtendedKeyUsage(list(usages)), False))
    period = (validity.get("not_before", NOW - timedelta(days=1)), validity.get("not_after", NOW + timedelta(days=30)))
    certificate = assemble(
        subject, issuer.certificate.subject, 77, period, private.public_key(), extensions, issuer.key
    )
    return Credential(private, certificate)


@dataclass(frozen=True)
class Single:
    """One answer; `status` is good, revoked, suspended or unknown."""

    issuer: object
    serial: int
    status: str = "good"
    this_update: object = NOW
    next_update: object = NOW + timedelta(minutes=5)
    digest: str = SHA1
    name_hash: bytes | None = None
    key_hash: bytes | None = None
    extensions: bytes = b""

    def encode(self):
        algorithm = {SHA1: hashlib.sha1, SHA256: hashlib.sha256}[self.digest]
        certificate = self.issuer.certificate
        name = self.name_hash or algorithm(certificate.subject.public_bytes()).digest()
        key = self.key_hash or algorithm(key_bits(certificate.public_key())).digest()
        revoked_at = time(NOW - timedelta(days=1))
        status = {
            "good": tlv(0x80),
            "unknown": tlv(0x82),
            "revoked": tlv(0xA1, revoked_at),
            "key_compromise": tlv(0xA1, revoked_at, tlv(0xA0, tlv(0x0A, b"\x01"))),
            "suspended": tlv(0xA1, revoked_at, tlv(0xA0, tlv(0x0A, b"\x06"))),
        }[self.status]
        return sequence(
            sequence(sequence(oid(self.digest), tlv(0x05)), octets(name), octets(key), integer(self.serial)),
            status,
            time(self.this_update),
            tlv(0xA0, time(self.next_update)) if self.next_update else b"",
            tlv(0xA1, sequence(self.extensions)) if self.extensions else b"",
        )


@dataclass(frozen=True)
class Response:
    """A whole response; everything but the answers and the signer has an honest default."""

    singles: tuple
    signer: Credential
    nonce: bytes | None
    certificates: tuple | None = None
    produced_at: object = NOW
    by_name: bool = False
    responder_id: bytes | None = None
    signature: bytes | None = None
    algorithm: str | None = None
    status: int = 0
    extensions: tuple = field(default_factory=tuple)

    def encode(self):
        if self.status:
            return sequence(tlv(0x0A, bytes([self.status])))
        extensions = list(self.extensions)
        if self.nonce is not None:
            extensions.append(extension(NONCE, octets(self.nonce)))
        data = sequence(
            self._responder_id(),
            time(self.produced_at),
            sequence(*(single.encode() for single in self.singles)),
            tlv(0xA1, sequence(*extensions)) if extensions else b"",
        )
        is_rsa = isinstance(self.signer.key, rsa.RSAPrivateKey)
        algorithm = self.algorithm or (RSA_SHA256 if is_rsa else ECDSA_SHA256)
        certificates = (self.signer.certificate,) if self.certificates is None else self.certificates
        basic = sequence(
            data,
            sequence(oid(algorithm), tlv(0x05) if is_rsa else b""),
            tlv(0x03, b"\0" + (self.signature or self._sign(data, algorithm))),
            tlv(0xA0, sequence(*(c.public_bytes(Encoding.DER) for c in certificates))) if certificates else b"",
        )
        return sequence(tlv(0x0A, b"\0"), tlv(0xA0, sequence(oid(BASIC), octets(basic))))

    def _responder_id(self):
        if self.responder_id is not None:
            return self.responder_id
        if self.by_name:
            return tlv(0xA1, self.signer.certificate.subject.public_bytes())
        return tlv(0xA2, octets(hashlib.sha1(key_bits(self.signer.certificate.public_key())).digest()))

    def _sign(self, data, algorithm):
        digest = hashes.SHA1() if algorithm == RSA_SHA1 else hashes.SHA256()
        if isinstance(self.signer.key, rsa.RSAPrivateKey):
            return self.signer.key.sign(data, padding.PKCS1v15(), digest)
        return self.signer.key.sign(data, ec.ECDSA(digest))


def extension(identifier, value, *, critical=False):
    return sequence(oid(identifier), tlv(0x01, b"\xff") if critical else b"", octets(value))


def answer_to(request_der, issuer, signer=None, *, single=None, **changes):
    """An honest answer to a request, but for the changes."""
    request = ocsp.load_der_ocsp_request(request_der)
    nonce = request.extensions.get_extension_for_class(x509.OCSPNonce).value.nonce
    only = Single(issuer, request.serial_number, **(single or {}))
    given = {"singles": (only,), "signer": signer or responder(issuer), "nonce": nonce}
    return Response(**(given | changes)).encode()
