"""The card's signature: the key fixes the algorithm, and only its own signature over the message passes."""

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, utils
from sandbox.cards import sign
from verifier.domain.card_signature import check_card_signature
from verifier.domain.evidence import PresentedSignature, SignatureAlgorithm
from verifier.domain.refusal import Reason

from tests.support import jpki
from tests.support.refusals import reason_of

MESSAGE = b"what the card signs"
ALGORITHMS = {
    "rsa": SignatureAlgorithm.RSA_PKCS1_SHA256,
    "p256": SignatureAlgorithm.ECDSA_P256_SHA256,
    "p384": SignatureAlgorithm.ECDSA_P384_SHA384,
}


def key(algorithm):
    return jpki.key(algorithm, "signer")


def check(algorithm, value, given=None, message=MESSAGE):
    signature = PresentedSignature(0, given or ALGORITHMS[algorithm], value)
    check_card_signature(signature, key(algorithm).public_key(), message)


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_the_card_s_signature_passes(algorithm):
    check(algorithm, sign(key(algorithm), MESSAGE))


@pytest.mark.parametrize("algorithm", ALGORITHMS)
@pytest.mark.parametrize("other", [None, *SignatureAlgorithm])
def test_no_other_algorithm_than_the_key_s_is_taken(algorithm, other):
    if other is ALGORITHMS[algorithm]:
        return
    signature = PresentedSignature(0, other, sign(key(algorithm), MESSAGE))
    reason = reason_of(check_card_signature, signature, key(algorithm).public_key(), MESSAGE)
    assert reason is Reason.SIGNATURE_ALGORITHM


@pytest.mark.parametrize("algorithm", ["p521", "k256"])
def test_a_key_that_no_card_has_signs_with_nothing(algorithm):
    signature = PresentedSignature(0, SignatureAlgorithm.ECDSA_P256_SHA256, b"x")
    reason = reason_of(check_card_signature, signature, key(algorithm).public_key(), MESSAGE)
    assert reason is Reason.SIGNATURE_ALGORITHM


@pytest.mark.parametrize("algorithm", ALGORITHMS)
@pytest.mark.parametrize(
    "spoil",
    [
        lambda value: b"",
        lambda value: b"\0",
        lambda value: bytes(len(value)),
        lambda value: value[:-1],
        lambda value: value + b"\0",
        lambda value: b"\0" + value,
        lambda value: value[:-1] + bytes([value[-1] ^ 1]),
        lambda value: b"\xff" * 512,
    ],
    ids=["empty", "a zero", "zeros", "cut", "longer", "padded in front", "one bit", "too large"],
)
def test_a_spoilt_signature_is_invalid(algorithm, spoil):
    assert reason_of(check, algorithm, spoil(sign(key(algorithm), MESSAGE))) is Reason.SIGNATURE_INVALID


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_a_signature_over_another_message_is_invalid(algorithm):
    assert reason_of(check, algorithm, sign(key(algorithm), MESSAGE + b"!")) is Reason.SIGNATURE_INVALID


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_another_card_s_signature_is_invalid(algorithm):
    assert reason_of(check, algorithm, sign(jpki.key(algorithm, "other"), MESSAGE)) is Reason.SIGNATURE_INVALID


@pytest.mark.parametrize(
    "value",
    [
        key("rsa").sign(MESSAGE, padding.PKCS1v15(), hashes.SHA1()),
        key("rsa").sign(MESSAGE, padding.PKCS1v15(), hashes.SHA512()),
        key("rsa").sign(MESSAGE, padding.PSS(padding.MGF1(hashes.SHA256()), 32), hashes.SHA256()),
    ],
    ids=["SHA-1", "SHA-512", "PSS"],
)
def test_rsa_means_pkcs1_with_sha256_and_nothing_else(value):
    assert reason_of(check, "rsa", value) is Reason.SIGNATURE_INVALID


@pytest.mark.parametrize(("algorithm", "digest"), [("p256", hashes.SHA384()), ("p384", hashes.SHA256())])
def test_a_curve_has_one_digest(algorithm, digest):
    assert reason_of(check, algorithm, key(algorithm).sign(MESSAGE, ec.ECDSA(digest))) is Reason.SIGNATURE_INVALID


def test_an_ecdsa_signature_is_der_and_not_raw():
    r, s = utils.decode_dss_signature(sign(key("p256"), MESSAGE))
    raw = r.to_bytes(32, "big") + s.to_bytes(32, "big")
    assert reason_of(check, "p256", raw) is Reason.SIGNATURE_INVALID
