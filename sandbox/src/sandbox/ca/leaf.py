"""Builds leaf certificates of the JPKI profile, extension by extension in the order of the genuine DER."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import AuthorityInformationAccessOID, ExtendedKeyUsageOID

from sandbox.ca import profile
from sandbox.ca.profile import Kind, Municipality

PrivateKey = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey
PublicKey = rsa.RSAPublicKey | ec.EllipticCurvePublicKey
Extension = tuple[x509.ExtensionType, bool]


@dataclass(frozen=True)
class SignatureNames:
    """What the signature leaf says about the person; `birthdate` is `EYYYYMMDD`, `sex` is `1` or `2`."""

    name: str
    birthdate: str
    sex: str
    address: str


@dataclass(frozen=True)
class Leaf:
    """What the authority is asked to certify. `policy` differs from the profile only in deliberately wrong cards."""

    kind: Kind
    subject: x509.Name
    serial: int
    not_before: datetime
    not_after: datetime
    municipality: Municipality
    names: SignatureNames | None = None
    policy: x509.ObjectIdentifier | None = None
    # Replaces extensions by type, for tests of what a verifier must refuse; None drops one.
    overrides: dict[type[x509.ExtensionType], Extension | None] = field(default_factory=dict)


def utf8_string(text: str) -> bytes:
    """DER UTF8String; lengths up to 65535 octets."""
    value = text.encode()
    if len(value) < 0x80:
        return bytes([0x0C, len(value)]) + value
    length = len(value).to_bytes((len(value).bit_length() + 7) // 8, "big")
    return bytes([0x0C, 0x80 | len(length)]) + length + value


def key_usage(*usages: str) -> x509.KeyUsage:
    """A keyUsage extension with exactly the named bits."""
    bits = (
        "digital_signature", "content_commitment", "key_encipherment", "data_encipherment", "key_agreement",
        "key_cert_sign", "crl_sign", "encipher_only", "decipher_only",
    )  # fmt: skip
    return x509.KeyUsage(**{bit: bit in usages for bit in bits})


def signing_hash(key: PrivateKey) -> hashes.SHA256 | hashes.SHA384:
    """SHA-384 for the next generation's P-384 keys, SHA-256 for everything else."""
    if isinstance(key, ec.EllipticCurvePrivateKey) and key.curve.key_size > 256:
        return hashes.SHA384()
    return hashes.SHA256()


def directory_name(name: x509.Name) -> list[x509.GeneralName]:
    """One GeneralName of the choice directoryName."""
    return [x509.DirectoryName(name)]


def distribution_point(name: x509.Name) -> x509.CRLDistributionPoints:
    """One distribution point: fullName with one directoryName, no URI."""
    return x509.CRLDistributionPoints(
        [x509.DistributionPoint(full_name=directory_name(name), relative_name=None, reasons=None, crl_issuer=None)]
    )


def _other_names(names: SignatureNames) -> x509.SubjectAlternativeName:
    # The substitute flags hold one digit a character: 0 means that the character is the registered one.
    values = (
        (1, names.name),
        (4, names.birthdate),
        (3, names.sex),
        (5, names.address),
        (2, "0" * len(names.name)),
        (6, "0" * len(names.address)),
    )
    return x509.SubjectAlternativeName(
        [
            x509.OtherName(x509.ObjectIdentifier(f"{profile.OTHER_NAME_ARC}.{arc}"), utf8_string(text))
            for arc, text in values
        ]
    )


def _extensions(leaf: Leaf, public_key: PublicKey, issuer: x509.Certificate) -> Iterator[Extension]:
    signature = leaf.kind is Kind.SIGN
    usages = ("digital_signature", "content_commitment") if signature else ("digital_signature",)
    yield key_usage(*usages), True
    if leaf.names is not None:
        yield _other_names(leaf.names), False
    elif not signature:
        yield x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH]), False
    policy = leaf.policy or profile.POLICIES[leaf.kind]
    yield x509.CertificatePolicies([x509.PolicyInformation(policy, [profile.CPS_URI])]), True
    yield x509.IssuerAlternativeName(directory_name(profile.issuer_name_ja(leaf.kind))), False
    yield distribution_point(profile.distribution_point_name(leaf.kind, leaf.municipality)), False
    if not signature:
        location = x509.UniformResourceIdentifier(profile.OCSP_URI)
        yield (
            x509.AuthorityInformationAccess([x509.AccessDescription(AuthorityInformationAccessOID.OCSP, location)]),
            False,
        )
    key_identifier = issuer.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value.digest
    yield (
        x509.AuthorityKeyIdentifier(key_identifier, directory_name(issuer.subject), issuer.serial_number),
        False,
    )
    yield x509.SubjectKeyIdentifier.from_public_key(public_key), False


def _overridden(leaf: Leaf, extensions: Iterator[Extension]) -> Iterator[Extension]:
    for extension in extensions:
        replacement = leaf.overrides.get(type(extension[0]), extension)
        if replacement is not None:
            yield replacement


def assemble(
    subject: x509.Name,
    issuer: x509.Name,
    serial: int,
    validity: tuple[datetime, datetime],
    public_key: PublicKey,
    extensions: Sequence[Extension],
    signing_key: PrivateKey,
) -> x509.Certificate:
    """Signs one certificate; `cryptography` keeps the extensions in the order given."""
    builder = x509.CertificateBuilder(
        issuer_name=issuer,
        subject_name=subject,
        public_key=public_key,
        serial_number=serial,
        not_valid_before=validity[0],
        not_valid_after=validity[1],
    )
    for value, critical in extensions:
        builder = builder.add_extension(value, critical=critical)
    return builder.sign(signing_key, signing_hash(signing_key))


def build_leaf(leaf: Leaf, public_key: PublicKey, issuer: x509.Certificate, issuer_key: PrivateKey) -> x509.Certificate:
    """Issues a leaf of the JPKI profile under `issuer`."""
    return assemble(
        leaf.subject,
        issuer.subject,
        leaf.serial,
        (leaf.not_before, leaf.not_after),
        public_key,
        list(_overridden(leaf, _extensions(leaf, public_key, issuer))),
        issuer_key,
    )
