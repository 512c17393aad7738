"""Every key and certificate of a sandbox, made at its first start and kept under `pki/` with mode 0600.

Two authorities that never meet: one for the mutual TLS between services, Kafka and MongoDB, one for the public HTTPS
addresses that a browser on this machine may be told to trust (constrained to localhost, so that trusting it risks
nothing else).
"""

import datetime as dt
import ipaddress
import json
import os
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from kit.encoding import b64u
from shirushi.rights import PRINCIPALS

SERVICES = tuple(PRINCIPALS)
ADMIN = "admin"

_AUTHORITY_DAYS = 3650
_LEAF_DAYS = 90
# A sandbox that is started in the last weeks of a certificate gets a new one, so that none ends while it runs.
_RENEW_WITHIN = dt.timedelta(days=20)
_LOOPBACK = (ipaddress.ip_address("127.0.0.1"), ipaddress.ip_address("::1"))


@dataclass(frozen=True)
class Pki:
    """Where each file lies. Files are made by `ensure`."""

    root: Path

    @property
    def ca(self) -> Path:
        """The authority of the mutual TLS between services, Kafka and MongoDB."""
        return self.root / "ca.pem"

    @property
    def web_ca(self) -> Path:
        """The authority of the public HTTPS addresses."""
        return self.root / "web-ca.pem"

    @property
    def web_certificate(self) -> Path:
        """The certificate of every public HTTPS address (localhost)."""
        return self.root / "web.pem"

    @property
    def web_key(self) -> Path:
        """The private key of `web_certificate`."""
        return self.root / "web.key"

    @property
    def signers(self) -> Path:
        """JSON of each service's Ed25519 public keys."""
        return self.root / "signers.json"

    @property
    def kafka(self) -> Path:
        """Key, certificate and authority of the broker in one file."""
        return self.root / "kafka.pem"

    @property
    def mongod(self) -> Path:
        """Key, certificate and authority of mongod in one file."""
        return self.root / "mongod.pem"

    @property
    def mongod_keyfile(self) -> Path:
        """The replica set's shared key (mongod insists on one even with one member)."""
        return self.root / "mongod.keyfile"

    def certificate(self, principal: str) -> Path:
        """The mutual-TLS certificate of a principal."""
        return self.root / f"{principal}.pem"

    def key(self, principal: str) -> Path:
        """The private key of `certificate`."""
        return self.root / f"{principal}.key"

    def both(self, principal: str) -> Path:
        """Key and certificate in one file, as PyMongo wants them."""
        return self.root / f"{principal}.both.pem"

    def signing_key(self, service: str) -> Path:
        """The Ed25519 key that signs a service's events."""
        return self.root / "signing" / f"{service}.pem"

    def service_secret(self, service: str) -> Path:
        """A service's own half of its deadline keys."""
        return self.root / "secrets" / f"{service}.hex"

    @property
    def id_token_keys(self) -> Path:
        """The gateway's private JWKS."""
        return self.root / "gateway" / "id_token.jwks.json"

    @property
    def sector_secret(self) -> Path:
        """The gateway's key of the sector labels."""
        return self.root / "gateway" / "sector.hex"

    @property
    def network_hint_key(self) -> Path:
        """The key under which challenge compares the phone's network with the browser's."""
        return self.root / "challenge" / "network_hint.hex"

    @property
    def handle_key(self) -> Path:
        """The verifier's key of the subject handles."""
        return self.root / "verifier" / "handle.hex"

    @property
    def pairwise_keys(self) -> Path:
        """Pseudonym's PRF keys by version."""
        return self.root / "pseudonym" / "pairwise.json"


def ensure(root: Path) -> Pki:
    """Make what is missing or about to end under `root`; what is there and good stays as it is."""
    pki = Pki(root)
    root.mkdir(parents=True, exist_ok=True, mode=0o700)
    _internal_certificates(pki)
    _web_certificate(pki)
    for service in SERVICES:
        _once(pki.signing_key(service), lambda: _private_pem(ed25519.Ed25519PrivateKey.generate()))
    _signers(pki)
    _secrets(pki)
    return pki


def _internal_certificates(pki: Pki) -> None:
    authority = _Authority.ensure(pki.ca, pki.root / "ca.key", "Shirushi sandbox services", localhost_only=False)
    for principal in (*SERVICES, ADMIN):
        subject = _subject("services", principal)
        names: list[x509.GeneralName] = [x509.DNSName("localhost"), x509.DNSName(principal)]
        key, certificate = pki.key(principal), pki.certificate(principal)
        if authority.leaf(certificate, key, subject, names) or not pki.both(principal).exists():
            _write(pki.both(principal), key.read_bytes() + certificate.read_bytes())
    for server, together in (("kafka", pki.kafka), ("mongod", pki.mongod)):
        # OU differs from the services': mongod takes a client with its own O and OU for a member of the cluster.
        subject = _subject("brokers", server)
        names = [x509.DNSName("localhost"), x509.DNSName(server), x509.DNSName(f"{server}.localhost")]
        key, certificate = pki.root / f"{server}.server.key", pki.root / f"{server}.server.pem"
        if authority.leaf(certificate, key, subject, names) or not together.exists():
            _write(together, key.read_bytes() + certificate.read_bytes() + pki.ca.read_bytes())


def _web_certificate(pki: Pki) -> None:
    authority = _Authority.ensure(
        pki.web_ca, pki.root / "web-ca.key", "Shirushi sandbox (localhost)", localhost_only=True
    )
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    authority.leaf(pki.web_certificate, pki.web_key, subject, [x509.DNSName("localhost")])


def _signers(pki: Pki) -> None:
    public: dict[str, list[str]] = {}
    for service in SERVICES:
        key = load_pem_private_key(pki.signing_key(service).read_bytes(), password=None)
        if not isinstance(key, ed25519.Ed25519PrivateKey):
            msg = f"{pki.signing_key(service)} is not an Ed25519 key; remove it and start again"
            raise TypeError(msg)
        public[service] = [b64u(key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw))]
    text = json.dumps(public, indent=1).encode()
    if not pki.signers.exists() or pki.signers.read_bytes() != text:
        _write(pki.signers, text)


def _secrets(pki: Pki) -> None:
    for service in SERVICES:
        _once(pki.service_secret(service), _hex)
    for path in (pki.sector_secret, pki.network_hint_key, pki.handle_key):
        _once(path, _hex)
    _once(pki.pairwise_keys, lambda: json.dumps({"1": secrets.token_hex(32)}).encode())
    _once(pki.id_token_keys, lambda: json.dumps({"keys": [_es256_jwk()]}).encode())
    # mongod refuses a key file that others could read, and takes 6 to 1024 base64 characters.
    _once(pki.mongod_keyfile, lambda: secrets.token_hex(256).encode(), mode=0o400)


def _es256_jwk() -> dict[str, str]:
    key = ec.generate_private_key(ec.SECP256R1())
    numbers = key.private_numbers()
    point = numbers.public_numbers
    return {
        "kty": "EC",
        "crv": "P-256",
        "alg": "ES256",
        "use": "sig",
        "kid": secrets.token_hex(8),
        "x": b64u(point.x.to_bytes(32, "big")),
        "y": b64u(point.y.to_bytes(32, "big")),
        "d": b64u(numbers.private_value.to_bytes(32, "big")),
    }


@dataclass(frozen=True)
class _Authority:
    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey

    @classmethod
    def ensure(cls, certificate_file: Path, key_file: Path, name: str, *, localhost_only: bool) -> "_Authority":
        if certificate_file.exists() and key_file.exists():
            key = load_pem_private_key(key_file.read_bytes(), password=None)
            certificate = x509.load_pem_x509_certificate(certificate_file.read_bytes())
            if isinstance(key, ec.EllipticCurvePrivateKey) and _lasts(certificate):
                return cls(certificate, key)
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name(
            [
                x509.NameAttribute(NameOID.ORGANIZATION_NAME, "Shirushi"),
                x509.NameAttribute(NameOID.COMMON_NAME, name),
            ]
        )
        usage = _key_usage(authority=True)
        builder = (
            _builder(subject, subject, key, _AUTHORITY_DAYS)
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .add_extension(usage, critical=True)
        )
        if localhost_only:
            networks = [ipaddress.ip_network("127.0.0.0/8"), ipaddress.ip_network("::1/128")]
            permitted = [x509.DNSName("localhost"), *(x509.IPAddress(network) for network in networks)]
            builder = builder.add_extension(x509.NameConstraints(permitted, None), critical=True)
        certificate = builder.sign(key, hashes.SHA256())
        _write(key_file, _private_pem(key))
        _write(certificate_file, certificate.public_bytes(Encoding.PEM))
        return cls(certificate, key)

    def leaf(self, certificate_file: Path, key_file: Path, subject: x509.Name, names: list[x509.GeneralName]) -> bool:
        """Issue a leaf unless a good one of this authority is there; says whether it issued."""
        if certificate_file.exists() and key_file.exists():
            present = x509.load_pem_x509_certificate(certificate_file.read_bytes())
            if _lasts(present) and _issued_by(present, self.certificate):
                return False
        key = ec.generate_private_key(ec.SECP256R1())
        alternatives = [*names, *(x509.IPAddress(address) for address in _LOOPBACK)]
        # Both usages: every service listens for gRPC and dials others, and the broker dials its own controller.
        usages = [ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH]
        issuer_key = x509.AuthorityKeyIdentifier.from_issuer_public_key(self.key.public_key())
        certificate = (
            _builder(subject, self.certificate.subject, key, _LEAF_DAYS)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(_key_usage(authority=False), critical=True)
            .add_extension(x509.ExtendedKeyUsage(usages), critical=False)
            .add_extension(x509.SubjectAlternativeName(alternatives), critical=False)
            .add_extension(issuer_key, critical=False)
            .sign(self.key, hashes.SHA256())
        )
        _write(key_file, _private_pem(key))
        _write(certificate_file, certificate.public_bytes(Encoding.PEM))
        return True


def _builder(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePrivateKey, days: int
) -> x509.CertificateBuilder:
    now = dt.datetime.now(dt.UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(hours=1))
        .not_valid_after(now + dt.timedelta(days=days))
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    )


def _key_usage(*, authority: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not authority,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=authority,
        crl_sign=authority,
        encipher_only=False,
        decipher_only=False,
    )


def _subject(unit: str, name: str) -> x509.Name:
    """In this order RFC 2253 prints `CN=gateway,OU=services,O=Shirushi`, which Kafka and MongoDB match."""
    return x509.Name(
        [
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, "Shirushi"),
            x509.NameAttribute(NameOID.ORGANIZATIONAL_UNIT_NAME, unit),
            x509.NameAttribute(NameOID.COMMON_NAME, name),
        ]
    )


def _lasts(certificate: x509.Certificate) -> bool:
    return certificate.not_valid_after_utc - dt.datetime.now(dt.UTC) > _RENEW_WITHIN


def _issued_by(certificate: x509.Certificate, authority: x509.Certificate) -> bool:
    own = authority.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value.digest
    named = certificate.extensions.get_extension_for_class(x509.AuthorityKeyIdentifier).value.key_identifier
    return own == named


def _private_pem(key: ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey) -> bytes:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def _hex() -> bytes:
    return secrets.token_hex(32).encode()


def _once(path: Path, make: Callable[[], bytes], mode: int = 0o600) -> None:
    if not path.exists():
        _write(path, make(), mode)


def _write(path: Path, content: bytes, mode: int = 0o600) -> None:
    """Write through a new file of the right mode, so that a kill in between leaves either the old file or the new."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    partial = path.with_name(f".{path.name}.{os.getpid()}")
    partial.unlink(missing_ok=True)
    with os.fdopen(os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "wb") as file:
        file.write(content)
    partial.replace(path)
