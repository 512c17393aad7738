"""Parses a presented certificate into plain values, and names what is believed of it once its checks have passed.

Everything is read here, at once: `cryptography` parses lazily, so a malformed field would otherwise fail inside a check.
"""

from dataclasses import dataclass
from datetime import datetime

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import AuthorityInformationAccessOID

from verifier.domain.refusal import Reason, Refusal

# RFC 5280 §4.1.2.2: at most 20 octets, positive.
MAX_SERIAL_BITS = 160
MAX_URL_CHARACTERS = 255

PublicKey = rsa.RSAPublicKey | ec.EllipticCurvePublicKey


@dataclass(frozen=True, slots=True, repr=False)
class UnverifiedCertificate:
    """A well-formed certificate that nothing is believed of.

    Attributes:
        certificate: the parsed certificate; only the check of its signature looks at it.
        public_key: None for a key that is neither RSA nor on an elliptic curve.
        policies: the policy identifiers in their order; None where the extension is absent.
        critical: the identifiers of the extensions that are marked critical.
        other_names: the otherNames of the subjectAltName, identifier and raw DER value.
        ocsp_url: the first HTTP address of an OCSP responder (RFC 5280 §4.2.2.1).
    """

    certificate: x509.Certificate
    serial: int
    not_before: datetime
    not_after: datetime
    public_key: PublicKey | None
    issuer_key: x509.AuthorityKeyIdentifier | None
    key_usage: x509.KeyUsage | None
    extended_key_usage: tuple[x509.ObjectIdentifier, ...] | None
    policies: tuple[x509.ObjectIdentifier, ...] | None
    is_authority: bool
    critical: frozenset[x509.ObjectIdentifier]
    other_names: tuple[tuple[x509.ObjectIdentifier, bytes], ...]
    ocsp_url: str | None


@dataclass(frozen=True, slots=True, repr=False)
class VerifiedCertificate:
    """A certificate whose path, dates, policy, usage and key have been checked; its revocation has not.

    Attributes:
        issuer_key_identifier: of the root that verified it; with the serial number it says which certificate this is.
    """

    issuer_key_identifier: bytes
    serial: int
    public_key: PublicKey
    other_names: tuple[tuple[x509.ObjectIdentifier, bytes], ...]
    ocsp_url: str | None


def parse_certificate(der: bytes) -> UnverifiedCertificate:
    """Reads one DER certificate; the caller has bounded its size.

    Raises:
        Refusal: CERTIFICATE_MALFORMED.
    """
    try:
        return _read(x509.load_der_x509_certificate(der))
    except Refusal:
        raise
    except Exception:  # noqa: BLE001 - what `cryptography` raises on malformed input is no closed list
        # A TLS feature of an unknown number is a bare KeyError, for one. Warnings count where they are turned into errors:
        # what the library only tolerates is refused there too. The texts quote what was parsed: none of it may go further.
        raise Refusal(Reason.CERTIFICATE_MALFORMED) from None


def _read(certificate: x509.Certificate) -> UnverifiedCertificate:
    if certificate.version is not x509.Version.v3:
        raise Refusal(Reason.CERTIFICATE_MALFORMED)
    extensions = certificate.extensions
    found = {type(extension.value): extension.value for extension in extensions}
    serial = certificate.serial_number
    if not 0 < serial < 1 << MAX_SERIAL_BITS:
        raise Refusal(Reason.CERTIFICATE_MALFORMED)
    issuer_key = found.get(x509.AuthorityKeyIdentifier)
    key_usage = found.get(x509.KeyUsage)
    extended = found.get(x509.ExtendedKeyUsage)
    policies = found.get(x509.CertificatePolicies)
    constraints = found.get(x509.BasicConstraints)
    names = found.get(x509.SubjectAlternativeName)
    access = found.get(x509.AuthorityInformationAccess)
    return UnverifiedCertificate(
        certificate=certificate,
        serial=serial,
        not_before=certificate.not_valid_before_utc,
        not_after=certificate.not_valid_after_utc,
        public_key=_public_key(certificate),
        issuer_key=issuer_key if isinstance(issuer_key, x509.AuthorityKeyIdentifier) else None,
        key_usage=key_usage if isinstance(key_usage, x509.KeyUsage) else None,
        extended_key_usage=tuple(extended) if isinstance(extended, x509.ExtendedKeyUsage) else None,
        policies=(
            tuple(policy.policy_identifier for policy in policies)
            if isinstance(policies, x509.CertificatePolicies)
            else None
        ),
        is_authority=isinstance(constraints, x509.BasicConstraints) and constraints.ca,
        critical=frozenset(extension.oid for extension in extensions if extension.critical),
        other_names=_other_names(names) if isinstance(names, x509.SubjectAlternativeName) else (),
        ocsp_url=_ocsp_url(access) if isinstance(access, x509.AuthorityInformationAccess) else None,
    )


def _public_key(certificate: x509.Certificate) -> PublicKey | None:
    try:
        key = certificate.public_key()
    except UnsupportedAlgorithm:
        # A curve or key type that the library does not know is a matter of key strength, not of form.
        return None
    return key if isinstance(key, rsa.RSAPublicKey | ec.EllipticCurvePublicKey) else None


def _other_names(names: x509.SubjectAlternativeName) -> tuple[tuple[x509.ObjectIdentifier, bytes], ...]:
    return tuple((name.type_id, name.value) for name in names if isinstance(name, x509.OtherName))


def _ocsp_url(access: x509.AuthorityInformationAccess) -> str | None:
    for description in access:
        location = description.access_location
        if (
            description.access_method == AuthorityInformationAccessOID.OCSP
            and isinstance(location, x509.UniformResourceIdentifier)
            and location.value.startswith(("http://", "https://"))
            and len(location.value) <= MAX_URL_CHARACTERS
        ):
            return location.value
    return None
