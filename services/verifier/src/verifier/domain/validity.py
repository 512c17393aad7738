"""Decides whether a certificate is inside its dates: RFC 5280 §6.1.3 (a)(2)."""

from datetime import datetime, timedelta

from verifier.domain.certificate import UnverifiedCertificate
from verifier.domain.refusal import Reason, Refusal

_ONE_SECOND = timedelta(seconds=1)


def is_within(not_before: datetime, not_after: datetime, now: datetime) -> bool:
    """Says whether `now` lies in a validity period; both ends belong to it (RFC 5280 §4.1.2.5)."""
    # Certificates tell whole seconds: all of the last one still counts.
    return not_before <= now < not_after + _ONE_SECOND


def check_validity(certificate: UnverifiedCertificate, now: datetime) -> None:
    """Refuses a certificate outside its dates; there is no tolerance for clocks, a card is older than any skew.

    Raises:
        Refusal: CERTIFICATE_NOT_YET_VALID or CERTIFICATE_EXPIRED.
    """
    if now < certificate.not_before:
        raise Refusal(Reason.CERTIFICATE_NOT_YET_VALID)
    if not is_within(certificate.not_before, certificate.not_after, now):
        raise Refusal(Reason.CERTIFICATE_EXPIRED)
