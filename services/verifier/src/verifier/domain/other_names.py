"""Reads the four attributes out of a signature certificate's otherNames (JPKI profile), strictly DER."""

import re
from collections.abc import Sequence

from cryptography import x509

from verifier.domain.evidence import Attribute
from verifier.domain.refusal import Reason, Refusal

ARC = "1.2.392.200149.8.5.5"
# .2 and .6, which characters of name and address are substitutes, are not passed on; furigana is announced as another.
ATTRIBUTES = {
    x509.ObjectIdentifier(f"{ARC}.1"): Attribute.NAME,
    x509.ObjectIdentifier(f"{ARC}.4"): Attribute.BIRTHDATE,
    x509.ObjectIdentifier(f"{ARC}.3"): Attribute.GENDER,
    x509.ObjectIdentifier(f"{ARC}.5"): Attribute.ADDRESS,
}
# Era (0 unknown, 1 Meiji to 5 Reiwa), then year (Gregorian), month and day, any of which may be zeros for unknown.
_BIRTHDATE = re.compile(r"[0-5](\d{8})", re.ASCII)
_UTF8_STRING = 0x0C
_SHORT_FORM_LIMIT = 0x80


def attributes_of(other_names: Sequence[tuple[x509.ObjectIdentifier, bytes]]) -> dict[Attribute, str]:
    """Returns the attributes that the names hold, in any order; unknown names are passed over.

    Raises:
        Refusal: CERTIFICATE_MALFORMED for a name that is there twice, is not a DER UTF8String, or is no birth date.
    """
    found: dict[Attribute, str] = {}
    for identifier, value in other_names:
        attribute = ATTRIBUTES.get(identifier)
        if attribute is None:
            continue
        if attribute in found:
            raise Refusal(Reason.CERTIFICATE_MALFORMED)
        found[attribute] = utf8_string(value)
    if Attribute.BIRTHDATE in found:
        found[Attribute.BIRTHDATE] = without_era(found[Attribute.BIRTHDATE])
    return found


def without_era(value: str) -> str:
    """Returns `YYYYMMDD` of `EYYYYMMDD`: the year is Gregorian in both.

    Raises:
        Refusal: CERTIFICATE_MALFORMED.
    """
    matched = _BIRTHDATE.fullmatch(value)
    if matched is None:
        raise Refusal(Reason.CERTIFICATE_MALFORMED)
    return matched[1]


def utf8_string(der: bytes) -> str:
    """Decodes exactly one DER UTF8String (X.690 §8.23, §10.1): the tag, the shortest length, nothing behind it.

    Raises:
        Refusal: CERTIFICATE_MALFORMED.
    """
    header, length = _header(der)
    if der[0] != _UTF8_STRING or header + length != len(der):
        raise Refusal(Reason.CERTIFICATE_MALFORMED)
    try:
        return der[header:].decode("utf-8")
    except UnicodeDecodeError:
        raise Refusal(Reason.CERTIFICATE_MALFORMED) from None


def _header(der: bytes) -> tuple[int, int]:
    """Returns the length of the header and what it says about the content's; tag included."""
    if len(der) < 2:  # noqa: PLR2004 - a tag and a length
        raise Refusal(Reason.CERTIFICATE_MALFORMED)
    first = der[1]
    if first < _SHORT_FORM_LIMIT:
        return 2, first
    octets = first & 0x7F
    # Nothing in a certificate of a few KiB needs more than two octets of length; zero octets would be BER's indefinite.
    if octets not in (1, 2) or len(der) < 2 + octets:
        raise Refusal(Reason.CERTIFICATE_MALFORMED)
    length = int.from_bytes(der[2 : 2 + octets], "big")
    if length < (_SHORT_FORM_LIMIT if octets == 1 else 0x100):
        raise Refusal(Reason.CERTIFICATE_MALFORMED)
    return 2 + octets, length
