"""Reads the roots that a deployment trusts, and refuses to start with one that it should not."""

from collections.abc import Iterator
from pathlib import Path

from cryptography import x509
from cryptography.x509.oid import NameOID

from verifier.domain.certification_path import Authority, TrustAnchor, TrustAnchors

MAX_FILE_BYTES = 64 * 1024
# The organisation of J-LIS's own test roots and of the sandbox's, where real ones are plain "JPKI"; and that of the sandbox's
# app attestation, whose key every sandbox has.
TEST_ORGANIZATIONS = frozenset({"JPKI-TEST", "Shirushi Sandbox"})
PERSONS = (Authority.USER_AUTHENTICATION, Authority.SIGNATURE, Authority.PHONE)


def load_trust_anchors(directory: Path, *, test_mode: bool) -> TrustAnchors:
    """Reads the roots of people's certificates from `auth`, `sign` and `phone` below a directory.

    Only user authentication roots must be there.

    Raises:
        ValueError: naming the file and the rule that it breaks.
    """
    anchors = TrustAnchors(
        anchor for authority in PERSONS for anchor in _load(directory / authority.value, authority, test_mode=test_mode)
    )
    if not anchors.of_authority(Authority.USER_AUTHENTICATION):
        raise ValueError(f"{directory / Authority.USER_AUTHENTICATION.value}: no user authentication root (*.pem)")
    return anchors


def load_attestation_anchors(directory: Path, *, test_mode: bool) -> TrustAnchors:
    """Reads the roots that vouch for app instances.

    Raises:
        ValueError: naming the file and the rule that it breaks, or the directory where it holds none.
    """
    anchors = TrustAnchors(_load(directory, Authority.APP_ATTESTATION, test_mode=test_mode))
    if not len(anchors):
        raise ValueError(f"{directory}: no app attestation root (*.pem)")
    return anchors


def _load(directory: Path, authority: Authority, *, test_mode: bool) -> Iterator[TrustAnchor]:
    for path in sorted(directory.glob("*.pem")):
        with path.open("rb") as file:
            pem = file.read(MAX_FILE_BYTES)
        try:
            certificates = x509.load_pem_x509_certificates(pem)
            for certificate in certificates:
                check_test_root(certificate, test_mode=test_mode)
                yield TrustAnchor.of(certificate, authority)
        except Exception as error:  # noqa: BLE001 - what `cryptography` raises on malformed input is no closed list
            # Roots name authorities, not people: the text may be shown to who configures them.
            raise ValueError(f"{path}: {error}") from None


def check_test_root(certificate: x509.Certificate, *, test_mode: bool) -> None:
    """Refuses the root of a test system outside test mode.

    Raises:
        ValueError: naming the rule.
    """
    if not test_mode and is_test_root(certificate):
        raise ValueError("a test root, and test mode is off")


def is_test_root(certificate: x509.Certificate) -> bool:
    """Says whether a root is of a test system."""
    names = certificate.subject.get_attributes_for_oid(NameOID.ORGANIZATION_NAME)
    return any(name.value in TEST_ORGANIZATIONS for name in names)
