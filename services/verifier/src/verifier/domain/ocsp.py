"""Decides what an OCSP response says about one certificate: the numbered steps of RFC 6960 §3.2, in their order.

What cannot be used, for whatever reason, is never an answer about the card: whoever stands between could have made it.
"""

import hmac
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.x509 import ocsp

from verifier.domain.key_strength import algorithms_of, is_strong
from verifier.domain.ocsp_request import CertificateId, Inquiry
from verifier.domain.ocsp_responder import (
    Unusable,
    check_responder_authorisation,
    check_responder_identity,
    find_responder,
)

MAX_RESPONSE_BYTES = 16 * 1024


class Standing(Enum):
    """What the revocation source says of a certificate."""

    GOOD = "good"
    REVOKED = "revoked"
    SUSPENDED = "suspended"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class CertificateStatus:
    """A usable answer, and since when the source knew it."""

    standing: Standing
    this_update: datetime


@dataclass(frozen=True, slots=True)
class Freshness:
    """How old a response may be, how far the responder's clock may be from ours, and whether our nonce must be in it."""

    max_age: timedelta = timedelta(minutes=15)
    tolerance: timedelta = timedelta(minutes=1)
    nonce_required: bool = True


def read_response(der: bytes, inquiry: Inquiry, now: datetime, freshness: Freshness) -> CertificateStatus:
    """Returns what a response to an inquiry says.

    Raises:
        Unusable: it decides nothing.
    """
    if len(der) > MAX_RESPONSE_BYTES:
        raise Unusable("too_large")
    try:
        response = ocsp.load_der_ocsp_response(der)
        check_successful(response)
        single = check_single_answer(response)
        check_certificate_id(single, inquiry.certificate_id)  # RFC 6960 §3.2 step 1
        responder = find_responder(response, inquiry.anchor)
        check_response_signature(response, responder)  # step 2
        check_responder_identity(response, responder)  # step 3
        check_responder_authorisation(responder, inquiry.anchor, now)  # step 4
        check_nonce(response, single, inquiry.nonce, now, freshness)  # §4.4.1
        check_produced_at(response.produced_at_utc, now, freshness)
        check_this_update(single, now, freshness)  # step 5
        check_next_update(single, now, freshness)  # step 6
        return CertificateStatus(standing_of(single), single.this_update_utc)
    except Unusable:
        raise
    except Exception:  # noqa: BLE001 - what `cryptography` raises on malformed input is no closed list
        # Read lazily, so a malformed field may show at any step; the texts quote what was parsed.
        raise Unusable("malformed") from None


def check_successful(response: ocsp.OCSPResponse) -> None:
    """Refuses every response status but successful (RFC 6960 §4.2.1): such a response is not signed.

    Raises:
        Unusable
    """
    if response.response_status is not ocsp.OCSPResponseStatus.SUCCESSFUL:
        raise Unusable(f"status_{response.response_status.name.lower()}")


def check_single_answer(response: ocsp.OCSPResponse) -> ocsp.OCSPSingleResponse:
    """Returns the one answer of a response; one certificate was asked about, so two are not for us.

    Raises:
        Unusable
    """
    answers = list(response.responses)
    if len(answers) != 1:
        raise Unusable("several_answers")
    # RFC 6960 §4.2.1 and RFC 5280 §5.2: a critical extension that is not understood must not be passed over.
    if any(extension.critical for extension in response.extensions) or any(
        extension.critical for extension in response.single_extensions
    ):
        raise Unusable("critical_extension")
    return answers[0]


def check_certificate_id(single: ocsp.OCSPSingleResponse, certificate_id: CertificateId) -> None:
    """Step 1: the certificate in the response is the one in the request.

    Raises:
        Unusable
    """
    if (
        not isinstance(single.hash_algorithm, hashes.SHA1)
        or single.issuer_name_hash != certificate_id.issuer_name_hash
        or single.issuer_key_hash != certificate_id.issuer_key_hash
        or single.serial_number != certificate_id.serial
    ):
        raise Unusable("wrong_certificate")


def check_response_signature(response: ocsp.OCSPResponse, responder: x509.Certificate) -> None:
    """Step 2: the signature on the response is valid.

    Raises:
        Unusable
    """
    key = responder.public_key()
    if not is_strong(key):
        raise Unusable("weak_responder_key")
    algorithm = response.signature_hash_algorithm
    if response.signature_algorithm_oid not in algorithms_of(key) or algorithm is None:
        raise Unusable("signature_algorithm")
    try:
        if isinstance(key, rsa.RSAPublicKey):
            key.verify(response.signature, response.tbs_response_bytes, padding.PKCS1v15(), algorithm)
        elif isinstance(key, ec.EllipticCurvePublicKey):
            key.verify(response.signature, response.tbs_response_bytes, ec.ECDSA(algorithm))
    except InvalidSignature:
        raise Unusable("signature") from None


def check_nonce(
    response: ocsp.OCSPResponse, single: ocsp.OCSPSingleResponse, nonce: bytes, now: datetime, freshness: Freshness
) -> None:
    """Refuses a response with another nonce than ours (§4.4.1, RFC 8954), and one without, unless it may do without.

    Raises:
        Unusable
    """
    try:
        answered = response.extensions.get_extension_for_class(x509.OCSPNonce).value.nonce
    except x509.ExtensionNotFound:
        check_good_without_nonce(single, now, freshness)
        return
    if not hmac.compare_digest(answered, nonce):
        raise Unusable("nonce")


def check_good_without_nonce(single: ocsp.OCSPSingleResponse, now: datetime, freshness: Freshness) -> None:
    """Refuses a response without a nonce, which may be an old one that somebody kept, unless the operator accepts that.

    Then it must say itself until when it is good, and that time must not have come by our clock (RFC 5019 §4, whose
    responders make their responses ahead); how old it may be is for the steps that follow.

    Raises:
        Unusable
    """
    if freshness.nonce_required:
        raise Unusable("nonce")
    if single.next_update_utc is None:
        raise Unusable("next_update_missing")
    if single.next_update_utc <= now:
        raise Unusable("next_update_passed")


def check_produced_at(produced_at: datetime, now: datetime, freshness: Freshness) -> None:
    """Refuses a response that was not made just now (§2.4, producedAt): with our nonce in it, it cannot be older.

    Raises:
        Unusable
    """
    if produced_at > now + freshness.tolerance or produced_at < now - freshness.max_age - freshness.tolerance:
        raise Unusable("produced_at")


def check_this_update(single: ocsp.OCSPSingleResponse, now: datetime, freshness: Freshness) -> None:
    """Step 5: the time at which the status is known to be correct is recent, and not in the future (§4.2.2.1).

    Raises:
        Unusable
    """
    this_update = single.this_update_utc
    if this_update > now + freshness.tolerance:
        raise Unusable("this_update_in_future")
    if this_update < now - freshness.max_age - freshness.tolerance:
        raise Unusable("this_update_too_old")


def check_next_update(single: ocsp.OCSPSingleResponse, now: datetime, freshness: Freshness) -> None:
    """Step 6: newer information is not yet due; without nextUpdate it is available all the time (§2.4).

    Raises:
        Unusable
    """
    next_update = single.next_update_utc
    if next_update is None:
        return
    if next_update < single.this_update_utc or next_update < now - freshness.tolerance:
        raise Unusable("next_update_passed")


def standing_of(single: ocsp.OCSPSingleResponse) -> Standing:
    """Returns what the answer says (§2.2); what is on hold is suspended, everything else revoked is revoked."""
    if single.certificate_status is ocsp.OCSPCertStatus.GOOD:
        return Standing.GOOD
    if single.certificate_status is ocsp.OCSPCertStatus.UNKNOWN:
        return Standing.UNKNOWN
    # RFC 5280 §5.3.1: JPKI never lifts a certificateHold, but the holder is told the difference.
    if single.revocation_reason is x509.ReasonFlags.certificate_hold:
        return Standing.SUSPENDED
    return Standing.REVOKED
