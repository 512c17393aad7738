"""Decides whether a certificate may be used for what it is used for: policy, key usage, extensions, key.

The profiles are JPKI's. RFC 5280's general policy processing (§6.1.3 (d)-(f)) is deliberately skipped: a leaf must carry
exactly the one policy of its kind, critical, by identifier.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID, ExtensionOID

from verifier.domain.certificate import UnverifiedCertificate
from verifier.domain.certification_path import Authority
from verifier.domain.key_strength import check_key_strength
from verifier.domain.refusal import Reason, Refusal

# The arc before the last two numbers is J-LIS's; `.0.` is the test system's policy, `.3.` and `.1.` are the real ones.
USER_AUTHENTICATION_POLICY = x509.ObjectIdentifier("1.2.392.200149.8.5.1.3.30")
SIGNATURE_POLICY = x509.ObjectIdentifier("1.2.392.200149.8.5.1.1.20")
USER_AUTHENTICATION_TEST_POLICY = x509.ObjectIdentifier("1.2.392.200149.8.5.1.0.30")
SIGNATURE_TEST_POLICY = x509.ObjectIdentifier("1.2.392.200149.8.5.1.0.20")
# The sandbox's own: the policy of certificates in phones is not public.
PHONE_TEST_POLICY = x509.ObjectIdentifier("2.25.171733403913716450614229066424317398871")

USAGES = (
    "digital_signature",
    "content_commitment",
    "key_encipherment",
    "data_encipherment",
    "key_agreement",
    "key_cert_sign",
    "crl_sign",
)
# Critical extensions that are looked at. subjectAltName is not among them: JPKI never marks it critical.
PROCESSED_EXTENSIONS = frozenset(
    {
        ExtensionOID.KEY_USAGE,
        ExtensionOID.EXTENDED_KEY_USAGE,
        ExtensionOID.CERTIFICATE_POLICIES,
        ExtensionOID.BASIC_CONSTRAINTS,
    }
)


@dataclass(frozen=True, slots=True)
class Profile:
    """What a leaf of one authority must look like.

    Attributes:
        policy: None where no policy is configured, so that no leaf of this authority passes.
        extended_key_usage: the only one that must be there; None where the extension must be absent.
    """

    policy: x509.ObjectIdentifier | None
    key_usage: frozenset[str]
    extended_key_usage: x509.ObjectIdentifier | None


def profiles(*, test_mode: bool, phone_policy: x509.ObjectIdentifier | None = None) -> Mapping[Authority, Profile]:
    """Returns the profiles of a deployment: in test mode test policies and nothing else, in operation never one.

    `phone_policy` is what the operator was told about certificates in phones; the sandbox has one of its own.
    """
    authentication = frozenset({"digital_signature"})
    if test_mode:
        phone_policy = phone_policy or PHONE_TEST_POLICY
    return {
        Authority.USER_AUTHENTICATION: Profile(
            USER_AUTHENTICATION_TEST_POLICY if test_mode else USER_AUTHENTICATION_POLICY,
            authentication,
            ExtendedKeyUsageOID.CLIENT_AUTH,
        ),
        Authority.PHONE: Profile(phone_policy, authentication, ExtendedKeyUsageOID.CLIENT_AUTH),
        Authority.SIGNATURE: Profile(
            SIGNATURE_TEST_POLICY if test_mode else SIGNATURE_POLICY,
            authentication | {"content_commitment"},
            None,
        ),
    }


def check_profile(certificate: UnverifiedCertificate, profile: Profile) -> None:
    """Refuses a leaf that its authority issued for something else.

    Raises:
        Refusal: CERTIFICATE_WRONG_POLICY, CERTIFICATE_WRONG_USAGE or CERTIFICATE_WEAK_KEY.
    """
    check_certificate_policies(certificate, profile)
    check_key_usage(certificate, profile)
    check_extended_key_usage(certificate, profile)
    check_basic_constraints(certificate)
    check_critical_extensions(certificate)
    check_key_strength(certificate.public_key)


def check_certificate_policies(certificate: UnverifiedCertificate, profile: Profile) -> None:
    """Refuses a leaf without exactly the one policy of its kind, marked critical.

    Raises:
        Refusal: CERTIFICATE_WRONG_POLICY.
    """
    # JPKI profile: certificatePolicies is critical with one policy; anyPolicy (RFC 5280 §4.2.1.4) is another policy.
    if profile.policy is None or certificate.policies != (profile.policy,):
        raise Refusal(Reason.CERTIFICATE_WRONG_POLICY)
    if ExtensionOID.CERTIFICATE_POLICIES not in certificate.critical:
        raise Refusal(Reason.CERTIFICATE_WRONG_POLICY)


def check_key_usage(certificate: UnverifiedCertificate, profile: Profile) -> None:
    """Refuses a leaf whose key may be used for more, or less, than its kind is for.

    Raises:
        Refusal: CERTIFICATE_WRONG_USAGE.
    """
    usage = certificate.key_usage
    # RFC 5280 §4.2.1.3: conforming issuers mark it critical.
    if usage is None or ExtensionOID.KEY_USAGE not in certificate.critical:
        raise Refusal(Reason.CERTIFICATE_WRONG_USAGE)
    if {name for name in USAGES if getattr(usage, name)} != profile.key_usage:
        raise Refusal(Reason.CERTIFICATE_WRONG_USAGE)


def check_extended_key_usage(certificate: UnverifiedCertificate, profile: Profile) -> None:
    """Refuses a user authentication leaf that is not for clientAuth alone, and a signature leaf that has any.

    Raises:
        Refusal: CERTIFICATE_WRONG_USAGE.
    """
    # RFC 5280 §4.2.1.12; anyExtendedKeyUsage is not what the profile says.
    expected = None if profile.extended_key_usage is None else (profile.extended_key_usage,)
    if certificate.extended_key_usage != expected:
        raise Refusal(Reason.CERTIFICATE_WRONG_USAGE)


def check_basic_constraints(certificate: UnverifiedCertificate) -> None:
    """Refuses an authority's certificate in the place of a person's (RFC 5280 §4.2.1.9).

    Raises:
        Refusal: CERTIFICATE_WRONG_USAGE.
    """
    if certificate.is_authority:
        raise Refusal(Reason.CERTIFICATE_WRONG_USAGE)


def check_critical_extensions(certificate: UnverifiedCertificate) -> None:
    """Refuses a critical extension that nothing here looks at: RFC 5280 §6.1.5 (f).

    Raises:
        Refusal: CERTIFICATE_WRONG_USAGE.
    """
    if not certificate.critical <= PROCESSED_EXTENSIONS:
        raise Refusal(Reason.CERTIFICATE_WRONG_USAGE)
