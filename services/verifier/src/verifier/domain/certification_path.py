"""Decides who issued a certificate: RFC 5280 §6.1 for the shortest of paths, a trust anchor and one leaf.

The issuer is found by key identifier, never by name: three generations of a JPKI authority share one name.

Deliberately skipped, with RFC 5280 §6.1's numbering: §6.1.2 (c)-(g) and §6.1.3 (b)-(f), name constraints and the policy
tree, as a path without intermediates carries neither (the leaf's own policy is `policies.py`); §6.1.3 (a)(3),
revocation, which is asked last (`ocsp.py`); §6.1.4, preparation for a next certificate, as there is none.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import Enum
from typing import TypeVar

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm

from verifier.domain.certificate import UnverifiedCertificate
from verifier.domain.key_strength import algorithms_of, is_strong
from verifier.domain.refusal import Reason, Refusal
from verifier.domain.validity import is_within

E = TypeVar("E", bound=x509.ExtensionType)


class Authority(Enum):
    """The kinds of certification authority; each has anchors of its own, and a leaf is of its issuer's kind."""

    USER_AUTHENTICATION = "auth"
    SIGNATURE = "sign"
    PHONE = "phone"
    APP_ATTESTATION = "attestation"


@dataclass(frozen=True, slots=True)
class TrustAnchor:
    """A configured root that fulfils `TrustAnchor.of`'s conditions.

    Attributes:
        key_identifier: its subject key identifier, by which leaves name it.
    """

    authority: Authority
    key_identifier: bytes
    certificate: x509.Certificate = field(repr=False)

    @classmethod
    def of(cls, certificate: x509.Certificate, authority: Authority) -> "TrustAnchor":
        """Takes a root as an anchor.

        Its dates are not looked at here but whenever it is used: a process may outlive a root.

        Raises:
            ValueError: it may not sign certificates, its key is weak, or it does not name its key; the text names the
                rule.
        """
        extensions = certificate.extensions
        constraints = _extension(extensions, x509.BasicConstraints)
        # RFC 5280 §4.2.1.9: critical where the key verifies signatures on certificates.
        if constraints is None or not constraints.critical or not constraints.value.ca:
            raise ValueError("not a certification authority (basicConstraints)")
        usage = _extension(extensions, x509.KeyUsage)
        # RFC 5280 §6.1.4 (n), which binds an anchor as much as an intermediate.
        if usage is None or not usage.value.key_cert_sign:
            raise ValueError("may not sign certificates (keyUsage)")
        if not is_strong(certificate.public_key()):
            raise ValueError("weak key")
        identifier = _extension(extensions, x509.SubjectKeyIdentifier)
        if identifier is None:
            raise ValueError("does not name its key (subjectKeyIdentifier)")
        return cls(authority, identifier.value.digest, certificate)

    def is_valid_at(self, now: datetime) -> bool:
        """Says whether the root is inside its own dates."""
        return is_within(self.certificate.not_valid_before_utc, self.certificate.not_valid_after_utc, now)


class TrustAnchors:
    """The configured anchors by key identifier."""

    def __init__(self, anchors: Iterable[TrustAnchor]) -> None:
        """Takes any number of anchors of any authority.

        Raises:
            ValueError: two of them have one key identifier, so that an issuer would be ambiguous.
        """
        self._by_key_identifier: dict[bytes, TrustAnchor] = {}
        for anchor in anchors:
            if anchor.key_identifier in self._by_key_identifier:
                raise ValueError("two trust anchors have the same subject key identifier")
            self._by_key_identifier[anchor.key_identifier] = anchor

    def __len__(self) -> int:
        """Counts them."""
        return len(self._by_key_identifier)

    def with_key_identifier(self, key_identifier: bytes | None) -> TrustAnchor | None:
        """Returns the anchor of this key identifier, if it is configured."""
        return None if key_identifier is None else self._by_key_identifier.get(key_identifier)

    def of_authority(self, authority: Authority) -> list[TrustAnchor]:
        """Lists the anchors of one kind of authority."""
        return [anchor for anchor in self._by_key_identifier.values() if anchor.authority is authority]

    def claimed_issuer(self, certificate: UnverifiedCertificate) -> TrustAnchor | None:
        """Returns the anchor whose key the certificate says it is issued by; nothing is proved by that yet."""
        identifier = certificate.issuer_key
        return None if identifier is None else self.with_key_identifier(identifier.key_identifier)


def check_path(certificate: UnverifiedCertificate, anchors: TrustAnchors, now: datetime) -> TrustAnchor:
    """Returns the anchor that issued the certificate.

    Not checked here: the certificate's own dates, policies and usage, and whether it was revoked.

    Raises:
        Refusal: CERTIFICATE_UNTRUSTED.
    """
    anchor = find_issuer(certificate, anchors)
    check_authority_key_identifier(certificate, anchor)
    check_anchor_validity(anchor, now)
    check_issuer_signature(certificate.certificate, anchor)
    return anchor


def find_issuer(certificate: UnverifiedCertificate, anchors: TrustAnchors) -> TrustAnchor:
    """Finds the issuer by the key identifier in the authority key identifier (RFC 5280 §4.2.1.1).

    Raises:
        Refusal: CERTIFICATE_UNTRUSTED.
    """
    anchor = anchors.claimed_issuer(certificate)
    if anchor is None:
        raise Refusal(Reason.CERTIFICATE_UNTRUSTED)
    return anchor


def check_authority_key_identifier(certificate: UnverifiedCertificate, anchor: TrustAnchor) -> None:
    """Refuses an authority key identifier whose issuer and serial name another certificate than the anchor.

    RFC 5280 §4.2.1.1: authorityCertIssuer and authorityCertSerialNumber are both there or both absent. An anchor is its
    own issuer.

    Raises:
        Refusal: CERTIFICATE_UNTRUSTED.
    """
    identifier = certificate.issuer_key
    if identifier is None:
        raise Refusal(Reason.CERTIFICATE_UNTRUSTED)
    names, serial = identifier.authority_cert_issuer, identifier.authority_cert_serial_number
    if names is None and serial is None:
        return
    if names is None or serial != anchor.certificate.serial_number:
        raise Refusal(Reason.CERTIFICATE_UNTRUSTED)
    if [name.value for name in names] != [anchor.certificate.issuer]:
        raise Refusal(Reason.CERTIFICATE_UNTRUSTED)


def check_anchor_validity(anchor: TrustAnchor, now: datetime) -> None:
    """Refuses an anchor outside its own dates; RFC 5280 leaves this to whoever configures anchors, we do not.

    Raises:
        Refusal: CERTIFICATE_UNTRUSTED.
    """
    if not anchor.is_valid_at(now):
        raise Refusal(Reason.CERTIFICATE_UNTRUSTED)


def check_issuer_signature(certificate: x509.Certificate, anchor: TrustAnchor) -> None:
    """Refuses a certificate that the anchor's key has not signed: RFC 5280 §6.1.3 (a)(1) and (a)(4).

    Raises:
        Refusal: CERTIFICATE_UNTRUSTED.
    """
    try:
        # RFC 5280 §4.1.1.2 (the inner algorithm equals the outer) and the names' chaining are part of this call.
        certificate.verify_directly_issued_by(anchor.certificate)
        allowed = certificate.signature_algorithm_oid in algorithms_of(anchor.certificate.public_key())
    except (ValueError, TypeError, InvalidSignature, UnsupportedAlgorithm, Warning):
        raise Refusal(Reason.CERTIFICATE_UNTRUSTED) from None
    if not allowed:
        raise Refusal(Reason.CERTIFICATE_UNTRUSTED)


def utc(now: float) -> datetime:
    """Turns Unix seconds into the time that certificates speak of."""
    return datetime.fromtimestamp(now, UTC)


def _extension(extensions: x509.Extensions, kind: type[E]) -> "x509.Extension[E] | None":
    try:
        return extensions.get_extension_for_class(kind)
    except x509.ExtensionNotFound:
        return None
