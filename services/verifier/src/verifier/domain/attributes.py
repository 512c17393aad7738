"""Decides which attributes pass on: exactly those that the holder agreed to, from a source that binds them.

EF 0003 of the card's text application carries an unsalted digest of the holder's individual number (My Number), so whoever
receives it holds the number, which the service may not collect. It has no field here, and what looks like it, or like the
number itself, is refused in any field.
"""

import re
import unicodedata
from collections.abc import Mapping

from verifier.domain.certificate import VerifiedCertificate
from verifier.domain.evidence import Attribute, AttributesSource, Evidence, PresentedAttributes
from verifier.domain.other_names import attributes_of
from verifier.domain.refusal import Reason, Refusal

MAX_NAME_CHARACTERS = 200
MAX_ADDRESS_CHARACTERS = 400
# EF 0002: parts of a birth date may be zeros for unknown; sex is one character, 1 and 2 and others. Names and addresses
# hold ideographic spaces and rare characters, but no control characters.
_SHAPES = {
    Attribute.NAME: re.compile(rf"[^\x00-\x1f\x7f-\x9f]{{1,{MAX_NAME_CHARACTERS}}}"),
    Attribute.ADDRESS: re.compile(rf"[^\x00-\x1f\x7f-\x9f]{{1,{MAX_ADDRESS_CHARACTERS}}}"),
    Attribute.BIRTHDATE: re.compile(r"[0-9]{8}"),
    Attribute.GENDER: re.compile(r"[0-9]"),
}
# Twelve digits in one run or as three times four, as the number is printed on the card.
_TWELVE_DIGITS = re.compile(r"(?<![0-9])(?:[0-9]{12}|[0-9]{4}([ -])[0-9]{4}\1[0-9]{4})(?![0-9])")
# The digest in EF 0003 has 64 characters of hexadecimal and 43 of base64; a name as long as that has no digits in it.
_ENCODED_BYTES = re.compile(r"(?=[A-Za-z+/_=-]*[0-9])[A-Za-z0-9+/_=-]{40,}")


def agreed_attributes(evidence: Evidence, signature_certificate: VerifiedCertificate | None) -> Mapping[Attribute, str]:
    """Returns the attributes that pass on, empty if none was agreed to.

    Not checked here: that the card holds what the app says it read (the attestation vouches for the app), and that the
    signature certificate is the same person's as the user authentication certificate beyond both having signed.

    Raises:
        Refusal: ATTRIBUTES_FORBIDDEN_SOURCE, ATTRIBUTES_MISMATCH, or CERTIFICATE_MALFORMED for unreadable otherNames.
    """
    presented = evidence.attributes
    if presented is None:
        if evidence.agreed:
            raise Refusal(Reason.ATTRIBUTES_MISMATCH)
        return {}
    check_source(presented)
    if presented.source is AttributesSource.SIGNATURE_CERTIFICATE:
        return from_signature_certificate(presented, evidence.agreed, signature_certificate)
    return from_card_app(presented, evidence.agreed)


def check_source(presented: PresentedAttributes) -> None:
    """Refuses any source but the two that are allowed, and anything beside the four values.

    Raises:
        Refusal: ATTRIBUTES_FORBIDDEN_SOURCE.
    """
    if presented.source is None or presented.foreign:
        raise Refusal(Reason.ATTRIBUTES_FORBIDDEN_SOURCE)
    for value in presented.values.values():
        if gives_individual_number_away(value):
            raise Refusal(Reason.ATTRIBUTES_FORBIDDEN_SOURCE)


def gives_individual_number_away(value: str) -> bool:
    """Says whether a text may hold a My Number, or bytes such as those of EF 0003."""
    if len(value) > MAX_ADDRESS_CHARACTERS:
        # More than any attribute holds, so nothing that the card's EF 0002 gave.
        return True
    # Addresses are written in full-width digits, and so a number could be: compare in one form.
    plain = unicodedata.normalize("NFKC", value)
    if _ENCODED_BYTES.search(plain):
        return True
    return any(has_number_s_check_digit(found[0]) for found in _TWELVE_DIGITS.finditer(plain))


def has_number_s_check_digit(text: str) -> bool:
    """Says whether twelve digits end in the check digit of an individual number, as one in eleven others do too.

    Order of the Ministry of Internal Affairs and Communications No. 85 of 2014, Article 5.
    """
    digits = [int(character) for character in text if character.isdigit()]
    weights = (6, 5, 4, 3, 2, 7, 6, 5, 4, 3, 2)
    remainder = sum(digit * weight for digit, weight in zip(digits[:-1], weights, strict=True)) % 11
    return digits[-1] == (0 if remainder <= 1 else 11 - remainder)


def from_card_app(presented: PresentedAttributes, agreed: tuple[Attribute, ...]) -> Mapping[Attribute, str]:
    """Returns what the app read from EF 0002.

    Raises:
        Refusal: ATTRIBUTES_MISMATCH for one that was not agreed to, is missing, or has not the shape of the card's.
    """
    if set(presented.values) != set(agreed):
        raise Refusal(Reason.ATTRIBUTES_MISMATCH)
    for attribute, value in presented.values.items():
        if not _SHAPES[attribute].fullmatch(value):
            raise Refusal(Reason.ATTRIBUTES_MISMATCH)
    return presented.values


def from_signature_certificate(
    presented: PresentedAttributes,
    agreed: tuple[Attribute, ...],
    certificate: VerifiedCertificate | None,
) -> Mapping[Attribute, str]:
    """Returns the agreed ones of what the certificate says; the app adds nothing of its own.

    Raises:
        Refusal: ATTRIBUTES_MISMATCH, or CERTIFICATE_MALFORMED for unreadable otherNames.
    """
    if presented.values or certificate is None:
        raise Refusal(Reason.ATTRIBUTES_MISMATCH)
    certified = attributes_of(certificate.other_names)
    if not set(agreed) <= set(certified):
        raise Refusal(Reason.ATTRIBUTES_MISMATCH)
    return {attribute: certified[attribute] for attribute in agreed}
