"""What a leaf may be used for: one row, one rule, one reason."""

import pytest
from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID
from sandbox.ca import profile
from sandbox.ca.leaf import key_usage
from sandbox.ca.profile import Kind
from verifier.domain.certificate import parse_certificate
from verifier.domain.certification_path import Authority
from verifier.domain.policies import (
    SIGNATURE_POLICY,
    USER_AUTHENTICATION_POLICY,
    check_profile,
    profiles,
)
from verifier.domain.refusal import Reason

from tests.support import jpki
from tests.support.refusals import reason_of

TEST, OPERATION = profiles(test_mode=True), profiles(test_mode=False)
ANY_POLICY = x509.ObjectIdentifier("2.5.29.32.0")
TEST_POLICY = profile.POLICIES[Kind.AUTH]


def check(given=TEST, **wishes):
    card = jpki.issue(**wishes)
    check_profile(parse_certificate(card.der), given[jpki.AUTHORITIES[card.kind]])


@pytest.mark.parametrize(
    ("kind", "algorithm"),
    [(Kind.AUTH, "rsa"), (Kind.AUTH, "p384"), (Kind.AUTH, "p256"), (Kind.SIGN, "rsa"), (Kind.PHONE, "p256")],
)
def test_leaves_of_the_profile_pass(kind, algorithm):
    check(kind=kind, algorithm=algorithm)


@pytest.mark.parametrize(("kind", "policy"), [(Kind.AUTH, USER_AUTHENTICATION_POLICY), (Kind.SIGN, SIGNATURE_POLICY)])
def test_in_operation_the_real_policy_passes_and_in_test_mode_it_does_not(kind, policy):
    check(OPERATION, kind=kind, policy=policy)
    assert reason_of(check, TEST, kind=kind, policy=policy) is Reason.CERTIFICATE_WRONG_POLICY


@pytest.mark.parametrize("kind", [Kind.AUTH, Kind.SIGN, Kind.PHONE])
def test_in_operation_no_test_policy_passes(kind):
    assert reason_of(check, OPERATION, kind=kind) is Reason.CERTIFICATE_WRONG_POLICY


def test_phones_pass_in_operation_only_under_a_configured_policy():
    told = x509.ObjectIdentifier("1.2.392.200149.8.5.1.9.9")
    assert profiles(test_mode=False)[Authority.PHONE].policy is None
    check(profiles(test_mode=False, phone_policy=told), kind=Kind.PHONE, policy=told)


def policies(*infos, critical=True):
    return {x509.CertificatePolicies: (x509.CertificatePolicies(list(infos)), critical)}


def policy(identifier, qualifiers=None):
    return x509.PolicyInformation(identifier, qualifiers)


def usage(*names, critical=True):
    return {x509.KeyUsage: (key_usage(*names), critical)}


def extended(*usages):
    return {x509.ExtendedKeyUsage: (x509.ExtendedKeyUsage(list(usages)), False)}


UNKNOWN = (x509.UnrecognizedExtension(x509.ObjectIdentifier("1.3.6.1.4.1.55555.1"), b"\x05\x00"), True)
CLIENT_AUTH = ExtendedKeyUsageOID.CLIENT_AUTH

ROWS = {
    "another policy of the arc": (Reason.CERTIFICATE_WRONG_POLICY, {"policy": profile.FOREIGN_POLICY}),
    "any policy": (Reason.CERTIFICATE_WRONG_POLICY, {"policy": ANY_POLICY}),
    "the signature policy": (Reason.CERTIFICATE_WRONG_POLICY, {"policy": profile.POLICIES[Kind.SIGN]}),
    "a longer policy": (
        Reason.CERTIFICATE_WRONG_POLICY,
        {"policy": x509.ObjectIdentifier(TEST_POLICY.dotted_string + ".1")},
    ),
    "no policy": (Reason.CERTIFICATE_WRONG_POLICY, {"overrides": {x509.CertificatePolicies: None}}),
    "a policy that is not critical": (
        Reason.CERTIFICATE_WRONG_POLICY,
        {"overrides": policies(policy(TEST_POLICY), critical=False)},
    ),
    "two policies": (
        Reason.CERTIFICATE_WRONG_POLICY,
        {"overrides": policies(policy(TEST_POLICY), policy(ANY_POLICY))},
    ),
    "no key usage": (Reason.CERTIFICATE_WRONG_USAGE, {"overrides": {x509.KeyUsage: None}}),
    "a key usage that is not critical": (
        Reason.CERTIFICATE_WRONG_USAGE,
        {"overrides": usage("digital_signature", critical=False)},
    ),
    "a key that does not sign": (Reason.CERTIFICATE_WRONG_USAGE, {"overrides": usage("key_encipherment")}),
    "a key that also issues": (
        Reason.CERTIFICATE_WRONG_USAGE,
        {"overrides": usage("digital_signature", "key_cert_sign")},
    ),
    "a key that also commits": (
        Reason.CERTIFICATE_WRONG_USAGE,
        {"overrides": usage("digital_signature", "content_commitment")},
    ),
    "a key that also agrees": (
        Reason.CERTIFICATE_WRONG_USAGE,
        {"overrides": usage("digital_signature", "key_agreement", "encipher_only")},
    ),
    "a signature key that does not commit": (
        Reason.CERTIFICATE_WRONG_USAGE,
        {"kind": Kind.SIGN, "overrides": usage("digital_signature")},
    ),
    "no extended key usage": (Reason.CERTIFICATE_WRONG_USAGE, {"overrides": {x509.ExtendedKeyUsage: None}}),
    "for servers": (Reason.CERTIFICATE_WRONG_USAGE, {"overrides": extended(ExtendedKeyUsageOID.SERVER_AUTH)}),
    "for anything": (
        Reason.CERTIFICATE_WRONG_USAGE,
        {"overrides": extended(ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE)},
    ),
    "for clients and for OCSP": (
        Reason.CERTIFICATE_WRONG_USAGE,
        {"overrides": extended(CLIENT_AUTH, ExtendedKeyUsageOID.OCSP_SIGNING)},
    ),
    "a signature leaf for clients": (
        Reason.CERTIFICATE_WRONG_USAGE,
        {"kind": Kind.SIGN, "extra": ((x509.ExtendedKeyUsage([CLIENT_AUTH]), False),)},
    ),
    "an authority": (
        Reason.CERTIFICATE_WRONG_USAGE,
        {"extra": ((x509.BasicConstraints(ca=True, path_length=None), True),)},
    ),
    "a critical extension that nobody knows": (Reason.CERTIFICATE_WRONG_USAGE, {"extra": (UNKNOWN,)}),
    "critical name constraints": (
        Reason.CERTIFICATE_WRONG_USAGE,
        {"extra": ((x509.NameConstraints([x509.DNSName("jp")], None), True),)},
    ),
    "RSA of 1024 bits": (Reason.CERTIFICATE_WEAK_KEY, {"algorithm": "rsa-1024"}),
    "RSA with exponent 3": (Reason.CERTIFICATE_WEAK_KEY, {"algorithm": "rsa-e3"}),
    "P-521": (Reason.CERTIFICATE_WEAK_KEY, {"algorithm": "p521"}),
    "secp256k1": (Reason.CERTIFICATE_WEAK_KEY, {"algorithm": "k256"}),
    "Ed25519": (Reason.CERTIFICATE_WEAK_KEY, {"algorithm": "ed25519"}),
}


@pytest.mark.parametrize(("reason", "wishes"), ROWS.values(), ids=ROWS.keys())
def test_a_leaf_for_something_else_is_refused(reason, wishes):
    assert reason_of(check, **wishes) is reason


def test_an_extension_that_is_not_critical_may_be_unknown():
    check(extra=((UNKNOWN[0], False),))


def test_basic_constraints_that_deny_are_no_matter():
    check(extra=((x509.BasicConstraints(ca=False, path_length=None), True),))
