"""Evidence as it comes off the wire: decoded, whole and within bounds, or refused; nothing else ever happens."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from kit.sealing import Sealer, derive_key_pair, info, pad
from sandbox.ca.profile import Kind
from shirushi.evidence.v1 import evidence_pb2 as pb
from verifier.domain.evidence import (
    MAX_CERTIFICATE_BYTES,
    MAX_SEALED_BYTES,
    Attribute,
    AttributesSource,
    CertificateKind,
    Evidence,
    SignatureAlgorithm,
    check_completeness,
)
from verifier.domain.refusal import Reason
from verifier.events.evidence_message import read_evidence, unseal

from tests.support import evidence as phone
from tests.support import jpki
from tests.support.refusals import end_of, reason_of

FULL = phone.Answer(agreed=("name", "gender")).evidence().SerializeToString()
PAIR = derive_key_pair(bytes(96))
CARD, NAMED = jpki.good_card(), jpki.good_card(Kind.SIGN)
FROM_CERTIFICATE = {"source": pb.ATTRIBUTES_SOURCE_SIGNATURE_CERTIFICATE, "agreed": ("name",)}


def sealed(payload=b"payload", epoch=7, challenge_id="c1", padded=None):
    place = info(1, "evidence", "phone", "verifier", epoch, challenge_id.encode())
    return Sealer().seal(pad(payload, 8192) if padded is None else padded, PAIR.public_key, place)


def opened(box, epoch=7, challenge_id="c1"):
    return unseal(box, PAIR, epoch, challenge_id, Sealer())


def test_what_is_sealed_to_this_challenge_opens():
    assert opened(sealed(FULL)) == FULL


@pytest.mark.parametrize(
    "box",
    [
        b"",
        b"\0" * 1120,
        sealed()[:-1],
        sealed() + b"\0",
        sealed()[:2000] + b"\x01" + sealed()[2001:],
        sealed(epoch=8),
        sealed(challenge_id="c2"),
        sealed(padded=b""),
        sealed(padded=b"\0\0\0\x05abc"),
        sealed(padded=b"\0\0\0\x01a\0\0\x01"),
        bytes(MAX_SEALED_BYTES + 1),
    ],
    ids=[
        "empty", "zeros", "cut", "longer", "spliced", "another epoch", "another challenge", "not padded",
        "a length beyond the end", "padding that says something", "too large",
    ],
)  # fmt: skip
def test_what_does_not_open_is_unreadable(box):
    assert reason_of(opened, box) is Reason.EVIDENCE_UNREADABLE


def test_evidence_is_decoded():
    evidence = read_evidence(FULL)
    assert evidence.agreed == (Attribute.NAME, Attribute.GENDER)
    assert evidence.attributes.values == {Attribute.NAME: "番号　花子", Attribute.GENDER: "2"}
    assert evidence.attributes.source is AttributesSource.CARD_APP
    assert [certificate.kind for certificate in evidence.certificates] == [CertificateKind.USER_AUTHENTICATION]
    assert [signature.algorithm for signature in evidence.signatures] == [SignatureAlgorithm.RSA_PKCS1_SHA256]
    assert not evidence.attributes.foreign
    check_completeness(evidence)


def with_(**changes):
    return lambda evidence: [setattr(evidence, name, value) for name, value in changes.items()]


def reencoded(*, append=b"", spoil=None):
    evidence = pb.Evidence.FromString(FULL)
    if spoil is not None:
        spoil(evidence)
    return evidence.SerializeToString() + append


# Field 99, length-delimited: no version of the evidence has it.
UNKNOWN = b"\x9a\x06\x03abc"


def unknown_in(part):
    def spoil(evidence):
        message = part(evidence)
        message.MergeFromString(UNKNOWN)

    return spoil


UNREADABLE = {
    "not protobuf": b"\xff\xff\xff",
    "nothing at all": b"",
    "no version": reencoded(spoil=with_(version=0)),
    "the next version": reencoded(spoil=with_(version=2)),
    "an unknown field": reencoded(append=UNKNOWN),
    "an unknown field in a certificate": reencoded(spoil=unknown_in(lambda e: e.certificates[0])),
    "an unknown field in a signature": reencoded(spoil=unknown_in(lambda e: e.signatures[0])),
    "an unknown field in the attestation": reencoded(spoil=unknown_in(lambda e: e.attestation)),
    "agreement to nothing that has a name": reencoded(spoil=lambda e: e.agreed.append(0)),
    "agreement to an attribute of the future": reencoded(spoil=lambda e: e.agreed.append(5)),
    "a thousand agreements": reencoded(spoil=lambda e: e.agreed.extend([1] * 1000)),
    "a thousand certificates": reencoded(spoil=lambda e: [e.certificates.add() for _ in range(1000)]),
    "a thousand signatures": reencoded(spoil=lambda e: [e.signatures.add() for _ in range(1000)]),
    # proto3 strings are UTF-8; this is a challenge id of one byte that is not.
    "a string that is not UTF-8": FULL + b"\x22\x01\xff",
}


@pytest.mark.parametrize("payload", UNREADABLE.values(), ids=UNREADABLE.keys())
def test_what_is_no_evidence_is_unreadable(payload):
    assert reason_of(read_evidence, payload) is Reason.EVIDENCE_UNREADABLE


def test_an_unknown_field_among_the_attributes_is_left_to_the_check_of_their_source():
    evidence = read_evidence(reencoded(spoil=unknown_in(lambda e: e.attributes)))
    assert evidence.attributes.foreign


@pytest.mark.parametrize(
    ("spoil", "part"),
    [
        (lambda e: setattr(e.certificates[0], "kind", 9), lambda e: e.certificates[0].kind),
        (lambda e: setattr(e.certificates[0], "kind", 0), lambda e: e.certificates[0].kind),
        (lambda e: setattr(e.signatures[0], "algorithm", 9), lambda e: e.signatures[0].algorithm),
        (lambda e: setattr(e.signatures[0], "algorithm", 0), lambda e: e.signatures[0].algorithm),
        (lambda e: setattr(e.attributes, "source", 9), lambda e: e.attributes.source),
    ],
)
def test_an_enum_value_that_is_not_known_means_nothing(spoil, part):
    assert part(read_evidence(reencoded(spoil=spoil))) is None


INCOMPLETE = {
    "no binding": with_(binding=b""),
    "half a binding": with_(binding=b"B" * 16),
    "a long binding": with_(binding=b"B" * 33),
    "no sector commitment": with_(sector_commitment=b""),
    "no notice key": with_(notice_key=b""),
    "no certificate": lambda e: e.ClearField("certificates"),
    "an empty certificate": lambda e: setattr(e.certificates[0], "der", b""),
    "a certificate of a megabyte's kind": lambda e: setattr(e.certificates[0], "der", bytes(MAX_CERTIFICATE_BYTES + 1)),
    "five certificates": lambda e: [e.certificates.add(kind=1, der=CARD.der) for _ in range(4)],
    "neither certificate nor signature": lambda e: [e.ClearField("certificates"), e.ClearField("signatures")],
    "five certificates that all have signed": lambda e: [
        (e.certificates.add(kind=1, der=CARD.der), e.signatures.add(certificate_index=index, value=b"x"))
        for index in range(1, 5)
    ],
    "no signature": lambda e: e.ClearField("signatures"),
    "two signatures by one certificate": lambda e: e.signatures.add(certificate_index=0, value=b"x"),
    "a signature by none of the certificates": lambda e: setattr(e.signatures[0], "certificate_index", 1),
    "a huge index": lambda e: setattr(e.signatures[0], "certificate_index", 2**32 - 1),
    "a second certificate that has not signed": lambda e: e.certificates.add(kind=2, der=NAMED.der),
    "a signature longer than any": lambda e: setattr(e.signatures[0], "value", bytes(513)),
    "no attestation": lambda e: e.ClearField("attestation"),
    "an attestation without certificate": lambda e: e.attestation.ClearField("certificate_der"),
    "an attestation without signature": lambda e: e.attestation.ClearField("signature"),
    "agreed attributes that did not come": lambda e: e.ClearField("attributes"),
    "attributes of a signature certificate that did not come": lambda e: setattr(
        e.attributes, "source", pb.ATTRIBUTES_SOURCE_SIGNATURE_CERTIFICATE
    ),
}


def complete(payload):
    check_completeness(read_evidence(payload))


@pytest.mark.parametrize("spoil", INCOMPLETE.values(), ids=INCOMPLETE.keys())
def test_what_lacks_a_part_or_has_too_many_is_incomplete(spoil):
    assert reason_of(complete, reencoded(spoil=spoil)) is Reason.EVIDENCE_INCOMPLETE


def test_a_signature_certificate_comes_with_the_attributes_that_it_holds():
    complete(phone.Answer(cards=[CARD, NAMED], **FROM_CERTIFICATE).evidence().SerializeToString())


@pytest.mark.parametrize("agreed", [(), ("name",)])
def test_a_signature_certificate_that_is_there_for_nothing_tells_too_much(agreed):
    payload = phone.Answer(cards=[CARD, NAMED], agreed=agreed).evidence().SerializeToString()
    assert reason_of(complete, payload) is Reason.ATTRIBUTES_MISMATCH


@given(st.binary(max_size=400))
def test_any_bytes_are_evidence_or_refused(payload):
    end = end_of(read_evidence, payload)
    assert isinstance(end, Evidence) or end.reason is Reason.EVIDENCE_UNREADABLE
    end = end_of(complete, payload)
    assert end is None or end.reason in set(Reason)


@settings(max_examples=300)
@given(at=st.integers(0, len(FULL) - 1), mask=st.integers(1, 255), cut=st.integers(0, len(FULL)), cuts=st.booleans())
def test_spoilt_evidence_is_evidence_or_refused(at, mask, cut, cuts):
    spoilt = FULL[:at] + bytes([FULL[at] ^ mask]) + FULL[at + 1 :]
    end = end_of(complete, spoilt[:cut] if cuts else spoilt)
    assert end is None or end.reason in set(Reason)


@settings(max_examples=150)
@given(st.binary(max_size=3000))
def test_any_bytes_open_or_are_refused(box):
    assert reason_of(opened, box) is Reason.EVIDENCE_UNREADABLE


def test_no_repr_shows_evidence():
    evidence = read_evidence(FULL)
    for part in (evidence, evidence.attributes, evidence.certificates[0], evidence.signatures[0], evidence.attestation):
        assert "花子" not in repr(part)
        assert "ABCDEFGHIJ" not in repr(part)
