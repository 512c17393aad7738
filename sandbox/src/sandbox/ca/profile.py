"""The JPKI certificate profile as constants and names; docs/divergences.md says which parts are ours.

The distinguished names carry one attribute an RDN, C as PrintableString and everything else as UTF8String, which is what
`cryptography` encodes by default; tests/unit/sandbox/test_ca_profile.py parses the DER to be sure.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from cryptography import x509
from cryptography.x509.oid import NameOID

ORGANIZATION: Final = "JPKI-TEST"
AGENCY: Final = "Japan Agency for Local Authority Information Systems"
AGENCY_JA: Final = "地方公共団体情報システム機構"
SERVICE_JA: Final = "公的個人認証サービス"
CPS_URI: Final = "http://www.jpki.go.jp/cps.html"
OCSP_URI: Final = "http://test-ocspauthnorm.jpki.go.jp"
CN_SUFFIX: Final = "003A"


class Kind(StrEnum):
    """The certification authorities: one issuer name each, several generations of keys."""

    AUTH = "auth"
    SIGN = "sign"
    PHONE = "phone"


UNITS: Final = {
    Kind.AUTH: "JPKI for user authentication",
    Kind.SIGN: "JPKI for digital signature",
    # Ours: the issuer of certificates in phones is not public.
    Kind.PHONE: "JPKI for user authentication on mobile devices",
}
UNITS_JA: Final = {
    Kind.AUTH: "公的個人認証サービス利用者証明用",
    Kind.SIGN: "公的個人認証サービス署名用",
    Kind.PHONE: "公的個人認証サービス移動端末利用者証明用",
}
POLICIES: Final = {
    Kind.AUTH: x509.ObjectIdentifier("1.2.392.200149.8.5.1.0.30"),
    Kind.SIGN: x509.ObjectIdentifier("1.2.392.200149.8.5.1.0.20"),
    # Ours, from a random UUID (X.667), so that it can never be mistaken for a policy of J-LIS.
    Kind.PHONE: x509.ObjectIdentifier("2.25.171733403913716450614229066424317398871"),
}
# What the "wrong policy" card carries: the test arc, but a policy that no profile knows.
FOREIGN_POLICY: Final = x509.ObjectIdentifier("1.2.392.200149.8.5.1.0.99")
OTHER_NAME_ARC: Final = "1.2.392.200149.8.5.5"

# The genuine roots' serials, by generation; the fourth is ours (next-generation card, P-384).
ROOT_SERIALS: Final = {
    Kind.AUTH: (0x01, 0x0133C349, 0x06D18006, 0x0A000001),
    Kind.SIGN: (0x01, 0x0132C4AB, 0x067C6A21, 0x0A000002),
    Kind.PHONE: (0x01,),
}


@dataclass(frozen=True)
class Municipality:
    """A municipality as certificates and addresses name it; `code` has five digits, without the check digit."""

    code: str
    prefecture: str
    name: str
    prefecture_ja: str
    name_ja: str


def _name(*pairs: tuple[x509.ObjectIdentifier, str]) -> x509.Name:
    return x509.Name([x509.NameAttribute(oid, value) for oid, value in pairs])


def issuer_name(kind: Kind) -> x509.Name:
    """The one name of an authority, the same in every generation."""
    return _name(
        (NameOID.COUNTRY_NAME, "JP"),
        (NameOID.ORGANIZATION_NAME, ORGANIZATION),
        (NameOID.ORGANIZATIONAL_UNIT_NAME, UNITS[kind]),
        (NameOID.ORGANIZATIONAL_UNIT_NAME, AGENCY),
    )


def issuer_name_ja(kind: Kind) -> x509.Name:
    """The Japanese name in the root's subjectAltName and the leaves' issuerAltName."""
    return _name(
        (NameOID.COUNTRY_NAME, "JP"),
        (NameOID.ORGANIZATION_NAME, SERVICE_JA),
        (NameOID.ORGANIZATIONAL_UNIT_NAME, UNITS_JA[kind]),
        (NameOID.ORGANIZATIONAL_UNIT_NAME, AGENCY_JA),
    )


def distribution_point_name(kind: Kind, municipality: Municipality) -> x509.Name:
    """The directory name that addresses one municipality's CRL of one authority."""
    return _name(
        (NameOID.COUNTRY_NAME, "JP"),
        (NameOID.ORGANIZATION_NAME, ORGANIZATION),
        (NameOID.ORGANIZATIONAL_UNIT_NAME, UNITS[kind]),
        (NameOID.ORGANIZATIONAL_UNIT_NAME, "CRL Distribution Points"),
        (NameOID.ORGANIZATIONAL_UNIT_NAME, municipality.prefecture),
        (NameOID.COMMON_NAME, f"{municipality.name} CRLDP"),
    )


def authentication_subject(token: str, municipality: Municipality) -> x509.Name:
    """Subject of a user authentication leaf; `token` is 14 characters of `[0-9A-Z]`."""
    return _name((NameOID.COUNTRY_NAME, "JP"), (NameOID.COMMON_NAME, f"{token}{municipality.code}{CN_SUFFIX}"))


def signature_subject(stamp: str, municipality: Municipality) -> x509.Name:
    """Subject of a signature leaf; `stamp` is `YYYYMMDDhhmmss` and five digits. It names no person."""
    return _name(
        (NameOID.COUNTRY_NAME, "JP"),
        (NameOID.LOCALITY_NAME, municipality.prefecture),
        (NameOID.LOCALITY_NAME, municipality.name),
        (NameOID.COMMON_NAME, f"{stamp}{municipality.code}{CN_SUFFIX}"),
    )
