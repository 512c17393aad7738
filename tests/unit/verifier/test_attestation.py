"""What the app instance vouches for, byte for byte, and everything that makes its word worth nothing."""

import dataclasses
import json
from datetime import timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from sandbox.ca import root
from sandbox.ca.authority import Credential
from sandbox.ca.leaf import assemble, key_usage
from verifier.domain.attestation import attested_digest, check_attestation
from verifier.domain.evidence import PresentedAttestation
from verifier.domain.refusal import Reason
from verifier.domain.signed_message import check_message
from verifier.events.evidence_message import read_evidence

from tests.support import evidence as phone
from tests.support import jpki
from tests.support.jpki import NOW
from tests.support.refusals import reason_of

VECTOR = json.loads((Path(__file__).parents[2] / "vectors" / "evidence.json").read_text())
AUTHORITY = jpki.attestation_authority()


def test_the_digest_is_that_of_the_vector(read):
    attestation = VECTOR["attestation"]
    evidence = read(agreed=("name",))
    attributes = dataclasses.replace(evidence.attributes, serialized=bytes.fromhex(attestation["serialized"]))
    evidence = dataclasses.replace(
        evidence,
        attributes=attributes,
        sector_commitment=bytes.fromhex(VECTOR["sector"]["commitment"]),
        notice_key=bytes.fromhex(attestation["notice_key"]),
    )
    message = bytes.fromhex(VECTOR["message"]["message"])
    assert attested_digest(evidence, message).hex() == attestation["digest"]


@pytest.mark.parametrize("agreed", [(), ("name", "address", "birthdate", "gender")])
def test_phone_and_verifier_compute_the_same(agreed, issued):
    answer = phone.Answer(agreed=agreed).evidence()
    evidence = read_evidence(answer.SerializeToString())
    assert attested_digest(evidence, check_message(evidence, issued)) == phone.messages.attested_digest(answer)


@pytest.fixture
def attested(issued):
    """Checks the attestation of an answer."""

    def check(anchors=None, now=NOW, **changes):
        evidence = read_evidence(phone.Answer(**changes).evidence().SerializeToString())
        check_attestation(
            evidence, check_message(evidence, issued), jpki.attestation_anchors() if anchors is None else anchors, now
        )

    return check


def test_a_genuine_app_is_believed(attested):
    attested()
    attested(agreed=("name", "birthdate"))


# What the card does not sign is protected by this signature alone.
LATER = {
    "sector commitment": lambda e: setattr(e, "sector_commitment", b"m" * 32),
    "notice key": lambda e: setattr(e, "notice_key", b"k" * 32),
    "an attribute": lambda e: setattr(e.attributes, "name", "番号　太郎"),
    "one attribute more": lambda e: setattr(e.attributes, "gender", "1"),
    "the attributes' source": lambda e: setattr(e.attributes, "source", 2),
    "the signature's last bit": lambda e: setattr(
        e.attestation, "signature", e.attestation.signature[:-1] + bytes([e.attestation.signature[-1] ^ 1])
    ),
    "no signature but zeros": lambda e: setattr(e.attestation, "signature", bytes(64)),
    "r and s too large": lambda e: setattr(e.attestation, "signature", b"\xff" * 64),
    "a cut signature": lambda e: setattr(e.attestation, "signature", e.attestation.signature[:-1]),
    "a longer signature": lambda e: setattr(e.attestation, "signature", e.attestation.signature + b"\0"),
    "a number with a zero before it": lambda e: setattr(
        e.attestation, "signature", e.attestation.signature[:32] + b"\0" + e.attestation.signature[32:]
    ),
    "no certificate": lambda e: setattr(e.attestation, "certificate_der", b"\x30\x00"),
    "a certificate that the library stumbles over": lambda e: setattr(
        e.attestation, "certificate_der", jpki.issue(extra=((jpki.UNKNOWN_TLS_FEATURE, False),)).der
    ),
    "a cut certificate": lambda e: setattr(e.attestation, "certificate_der", e.attestation.certificate_der[:-1]),
}


@pytest.mark.parametrize("spoil", LATER.values(), ids=LATER.keys())
def test_what_was_changed_after_the_app_attested_it_is_not_believed(spoil, attested):
    assert reason_of(attested, agreed=("name",), spoil_attested=spoil) is Reason.ATTESTATION_INVALID


def instance(
    *extensions, algorithm="p256", issuer=AUTHORITY, period=(NOW - timedelta(days=1), NOW + timedelta(days=1))
):
    private = jpki.key(algorithm, "odd app")
    identifier = issuer.certificate.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "app")])
    own = (x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(identifier), False)
    certificate = assemble(
        name, issuer.certificate.subject, 9, period, private.public_key(), [*extensions, own], issuer.key
    )
    return Credential(private, certificate)


SIGNS = (key_usage("digital_signature"), True)


def test_an_app_of_the_same_authority_is_believed(attested):
    attested(instance=instance(SIGNS))


UNKNOWN = (x509.UnrecognizedExtension(x509.ObjectIdentifier("1.3.6.1.4.1.55555.1"), b"\x05\x00"), True)
FOREIGN = {
    "an authority that nobody configured": jpki.app_instance("foreign"),
    "expired": instance(SIGNS, period=(NOW - timedelta(days=9), NOW - timedelta(seconds=2))),
    "not yet valid": instance(SIGNS, period=(NOW + timedelta(seconds=1), NOW + timedelta(days=9))),
    "an authority's certificate": instance(SIGNS, (x509.BasicConstraints(ca=True, path_length=None), True)),
    "a key that does not sign": instance((key_usage("key_agreement"), True)),
    "no key usage": instance(),
    "a critical extension that nobody knows": instance(SIGNS, UNKNOWN),
}


@pytest.mark.parametrize("credential", FOREIGN.values(), ids=FOREIGN.keys())
def test_an_app_that_is_not_certified_for_it_is_not_believed(credential, attested):
    assert reason_of(attested, instance=credential) is Reason.ATTESTATION_INVALID


@pytest.mark.parametrize("algorithm", ["p384", "rsa"])
def test_an_instance_key_is_on_p256(algorithm, attested):
    certificate = instance(SIGNS, algorithm=algorithm).certificate.public_bytes(Encoding.DER)
    spoil = lambda e: setattr(e.attestation, "certificate_der", certificate)  # noqa: E731
    assert reason_of(attested, spoil_attested=spoil) is Reason.ATTESTATION_INVALID


def test_a_person_s_authority_vouches_for_no_app(attested):
    # Both kinds of anchor in one set would be a wrong configuration; the kind is looked at all the same.
    issuer = jpki.generation()
    private = jpki.key("p256", "odd app")
    certificate = root.build_app_instance(
        private.public_key(), issuer.certificate, issuer.key, (NOW - timedelta(days=1), NOW + timedelta(days=1))
    )
    credential = Credential(private, certificate)
    assert reason_of(attested, anchors=jpki.anchors(), instance=credential) is Reason.ATTESTATION_INVALID


def test_another_app_s_certificate_does_not_lend_itself(attested):
    other = jpki.app_instance().certificate.public_bytes(Encoding.DER)
    spoil = lambda e: setattr(e.attestation, "certificate_der", other)  # noqa: E731
    assert reason_of(attested, instance=instance(SIGNS), spoil_attested=spoil) is Reason.ATTESTATION_INVALID


def test_an_attestation_of_another_login_is_not_believed(attested, issued):
    other = phone.Answer(spoil_message=lambda e: setattr(e, "nonce", b"n" * 32)).evidence().attestation
    spoil = lambda e: e.attestation.CopyFrom(other)  # noqa: E731
    assert reason_of(attested, spoil_attested=spoil) is Reason.ATTESTATION_INVALID


def test_a_signature_in_der_is_not_es256(read, issued):
    evidence = read()
    digest = attested_digest(evidence, check_message(evidence, issued))
    der = jpki.app_instance().key.sign(digest, ec.ECDSA(hashes.SHA256()))
    evidence = dataclasses.replace(
        evidence, attestation=PresentedAttestation(evidence.attestation.certificate_der, der)
    )
    reason = reason_of(check_attestation, evidence, check_message(evidence, issued), jpki.attestation_anchors(), NOW)
    assert reason is Reason.ATTESTATION_INVALID


def test_no_attestation_is_not_believed(read, issued):
    evidence = dataclasses.replace(read(), attestation=None)
    message = check_message(evidence, issued)
    assert (
        reason_of(check_attestation, evidence, message, jpki.attestation_anchors(), NOW) is Reason.ATTESTATION_INVALID
    )
