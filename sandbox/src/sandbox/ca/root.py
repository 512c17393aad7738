"""Builds the self-signed roots, the OCSP responders under them and the attestation authority."""

from datetime import datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from sandbox.ca import profile
from sandbox.ca.leaf import PrivateKey, PublicKey, assemble, directory_name, distribution_point, key_usage
from sandbox.ca.profile import Kind


def end_of_day_in_japan(day: datetime) -> datetime:
    """14:59:59Z of that day: every JPKI certificate ends with a Japanese day."""
    return day.replace(hour=14, minute=59, second=59, microsecond=0)


def build_root(kind: Kind, serial: int, key: PrivateKey, not_before: datetime) -> x509.Certificate:
    """A self-signed root of ten years; its distribution point names the root itself (the ARL)."""
    name = profile.issuer_name(kind)
    not_after = end_of_day_in_japan(not_before.replace(year=not_before.year + 10))
    return assemble(
        name,
        name,
        serial,
        (not_before, not_after),
        key.public_key(),
        [
            (key_usage("key_cert_sign", "crl_sign"), True),
            (x509.SubjectAlternativeName(directory_name(profile.issuer_name_ja(kind))), False),
            (x509.BasicConstraints(ca=True, path_length=None), True),
            (distribution_point(name), False),
            (x509.SubjectKeyIdentifier.from_public_key(key.public_key()), False),
        ],
        key,
    )


def build_responder(
    kind: Kind, generation: int, public_key: PublicKey, issuer: x509.Certificate, issuer_key: PrivateKey, now: datetime
) -> x509.Certificate:
    """A delegated OCSP responder (RFC 6960 §4.2.2.2) of 60 days, under the generation whose leaves it answers for."""
    subject = x509.Name(
        [
            x509.NameAttribute(NameOID.COUNTRY_NAME, "JP"),
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, profile.ORGANIZATION),
            x509.NameAttribute(NameOID.ORGANIZATIONAL_UNIT_NAME, profile.UNITS[kind]),
            x509.NameAttribute(NameOID.COMMON_NAME, f"OCSP Responder {generation}"),
        ]
    )
    issuer_key_identifier = issuer.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
    return assemble(
        subject,
        issuer.subject,
        x509.random_serial_number(),
        (now - timedelta(hours=1), now + timedelta(days=60)),
        public_key,
        [
            (key_usage("digital_signature"), True),
            (x509.ExtendedKeyUsage([ExtendedKeyUsageOID.OCSP_SIGNING]), False),
            (x509.OCSPNoCheck(), False),
            (x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(issuer_key_identifier), False),
            (x509.SubjectKeyIdentifier.from_public_key(public_key), False),
        ],
        issuer_key,
    )


def _sandbox_name(common_name: str) -> x509.Name:
    return x509.Name(
        [
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, "Shirushi Sandbox"),
            x509.NameAttribute(NameOID.COMMON_NAME, common_name),
        ]
    )


def build_attestation_root(key: ec.EllipticCurvePrivateKey, now: datetime) -> x509.Certificate:
    """The authority that vouches for app instances; ours, as the app's real attestation is not public."""
    name = _sandbox_name("App Attestation Root")
    return assemble(
        name,
        name,
        x509.random_serial_number(),
        (now - timedelta(days=1), now + timedelta(days=3650)),
        key.public_key(),
        [
            (x509.BasicConstraints(ca=True, path_length=0), True),
            (key_usage("key_cert_sign", "crl_sign"), True),
            (x509.SubjectKeyIdentifier.from_public_key(key.public_key()), False),
        ],
        key,
    )


def build_app_instance(
    public_key: ec.EllipticCurvePublicKey,
    issuer: x509.Certificate,
    issuer_key: ec.EllipticCurvePrivateKey,
    validity: tuple[datetime, datetime],
) -> x509.Certificate:
    """Certifies the instance key of one installed app; it says nothing about the person who uses it."""
    issuer_key_identifier = issuer.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
    return assemble(
        _sandbox_name("Simulated Phone"),
        issuer.subject,
        x509.random_serial_number(),
        validity,
        public_key,
        [
            (x509.BasicConstraints(ca=False, path_length=None), True),
            (key_usage("digital_signature"), True),
            (x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(issuer_key_identifier), False),
            (x509.SubjectKeyIdentifier.from_public_key(public_key), False),
        ],
        issuer_key,
    )
