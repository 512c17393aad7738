"""Decides who may answer for an issuer: RFC 6960 §3.2 steps 3 and 4, §4.2.2.2.

Deliberately skipped: the revocation of a delegated responder's own certificate (§4.2.2.2.1 leaves it to local policy
where the issuer marks it with id-pkix-ocsp-nocheck or says nothing); locally configured responders (§4.2.2.2, first
case), as JPKI has none to configure.
"""

from datetime import datetime
from functools import lru_cache

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.x509 import ocsp
from cryptography.x509.oid import ExtendedKeyUsageOID

from verifier.domain.certification_path import TrustAnchor
from verifier.domain.key_strength import algorithms_of
from verifier.domain.ocsp_request import key_hash
from verifier.domain.validity import is_within


class Unusable(Exception):
    """A response that decides nothing; `problem` is snake_case from a short closed set, safe as a metric label."""

    def __init__(self, problem: str) -> None:
        super().__init__(problem)
        self.problem = problem


def find_responder(response: ocsp.OCSPResponse, anchor: TrustAnchor) -> x509.Certificate:
    """Returns the certificate of who should have signed: the one that came along, else the issuer's own.

    Raises:
        Unusable: several came along.
    """
    certificates = response.certificates
    if len(certificates) > 1:
        raise Unusable("several_responders")
    return certificates[0] if certificates else anchor.certificate


def check_responder_identity(response: ocsp.OCSPResponse, responder: x509.Certificate) -> None:
    """Step 3: the signer is the responder that the response names, by name or by SHA-1 of its key (§4.2.1).

    Raises:
        Unusable
    """
    if response.responder_key_hash is not None:
        same = response.responder_key_hash == key_hash(responder)
    else:
        same = response.responder_name == responder.subject
    if not same:
        raise Unusable("responder_identity")


def check_responder_authorisation(responder: x509.Certificate, anchor: TrustAnchor, now: datetime) -> None:
    """Step 4: the signer may answer for certificates of this issuer: it is the issuer, or the issuer says so (§4.2.2.2).

    Raises:
        Unusable
    """
    if responder == anchor.certificate:
        if not anchor.is_valid_at(now):
            raise Unusable("responder_expired")
        return
    not_before, not_after = delegation(responder, anchor.certificate)
    if not is_within(not_before, not_after, now) or not anchor.is_valid_at(now):
        raise Unusable("responder_expired")


@lru_cache(maxsize=64)
def delegation(responder: x509.Certificate, issuer: x509.Certificate) -> tuple[datetime, datetime]:
    """Returns between which times an issuer lets a responder answer for it (§4.2.2.2).

    Remembered, since one responder serves every login for weeks and says nothing about any of them.

    Raises:
        Unusable: it does not at all.
    """
    try:
        # Issued directly, by the very key that issued the certificate asked about.
        responder.verify_directly_issued_by(issuer)
    except (ValueError, TypeError, InvalidSignature):
        raise Unusable("responder_not_authorised") from None
    if responder.signature_algorithm_oid not in algorithms_of(issuer.public_key()):
        raise Unusable("responder_not_authorised")
    extensions = responder.extensions
    try:
        usages = extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    except x509.ExtensionNotFound:
        raise Unusable("responder_not_authorised") from None
    # id-kp-OCSPSigning must be there; it does not follow from anyExtendedKeyUsage.
    if ExtendedKeyUsageOID.OCSP_SIGNING not in usages or not _may_sign(extensions):
        raise Unusable("responder_not_authorised")
    return responder.not_valid_before_utc, responder.not_valid_after_utc


def _may_sign(extensions: x509.Extensions) -> bool:
    try:
        return extensions.get_extension_for_class(x509.KeyUsage).value.digital_signature
    except x509.ExtensionNotFound:
        return True
