"""Decides whether the certificates are of the kinds that a login needs.

Two kinds look alike to common tools (`openssl verify -purpose sslclient` accepts a signature certificate): only the
issuer's key and the policy tell them apart. Here the issuer that a certificate names is compared with what the app said
it is; that it was really issued there is the path's matter.
"""

from collections.abc import Sequence

from verifier.domain.certificate import UnverifiedCertificate
from verifier.domain.certification_path import Authority, TrustAnchors
from verifier.domain.evidence import CertificateKind, PresentedCertificate
from verifier.domain.refusal import Reason, Refusal

AUTHORITIES = {
    CertificateKind.USER_AUTHENTICATION: frozenset({Authority.USER_AUTHENTICATION, Authority.PHONE}),
    CertificateKind.SIGNATURE: frozenset({Authority.SIGNATURE}),
}


def check_kinds(certificates: Sequence[PresentedCertificate]) -> None:
    """Refuses anything but one user authentication certificate with at most one signature certificate.

    Raises:
        Refusal: CERTIFICATE_WRONG_KIND where none is for user authentication or one is of no known kind,
            EVIDENCE_INCOMPLETE where two are of one kind.
    """
    kinds = [certificate.kind for certificate in certificates]
    if CertificateKind.USER_AUTHENTICATION not in kinds or None in kinds:
        raise Refusal(Reason.CERTIFICATE_WRONG_KIND)
    if len(kinds) != len(set(kinds)):
        raise Refusal(Reason.EVIDENCE_INCOMPLETE)


def check_kind(certificate: UnverifiedCertificate, declared: CertificateKind | None, anchors: TrustAnchors) -> None:
    """Refuses a certificate that names an issuer of another kind than the app said.

    A certificate that names no configured issuer passes: its kind cannot be told, and the path refuses it.

    Raises:
        Refusal: CERTIFICATE_WRONG_KIND.
    """
    issuer = anchors.claimed_issuer(certificate)
    if declared is None or (issuer is not None and issuer.authority not in AUTHORITIES[declared]):
        raise Refusal(Reason.CERTIFICATE_WRONG_KIND)
