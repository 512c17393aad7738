"""The message that the card signs, byte for byte, and what must agree with what was issued."""

import dataclasses
import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from verifier.domain.evidence import Attribute
from verifier.domain.refusal import Reason
from verifier.domain.signed_message import Issued, check_message, signed_message

from tests.support import evidence as phone
from tests.support.refusals import reason_of

VECTOR = json.loads((Path(__file__).parents[2] / "vectors" / "evidence.json").read_text())


def test_the_message_is_that_of_the_vector():
    vector = VECTOR["message"]
    issued = Issued(
        challenge_id=vector["challenge_id"],
        nonce=bytes.fromhex(vector["nonce"]),
        expires_at=vector["expires_at"],
        answered_at=0,
        claim_key_thumbprint=bytes.fromhex(vector["claim_key_thumbprint"]),
        sealing_key_thumbprint=bytes.fromhex(vector["sealing_key_thumbprint"]),
    )
    agreed = tuple(Attribute[name.upper()] for name in vector["agreed"])
    binding = bytes.fromhex(VECTOR["binding"]["binding"])
    assert signed_message(issued, binding, agreed).hex() == vector["message"]


@pytest.mark.parametrize("agreed", [(), ("name",), ("name", "address", "birthdate", "gender")])
def test_phone_and_verifier_compute_the_same(agreed, read, issued):
    answer = phone.Answer(agreed=agreed).evidence()
    assert check_message(read(agreed=agreed), issued) == phone.messages.signed_message(answer)


OTHERS = {
    "challenge_id": "cBBBBBBBBBBBBBBBBBBBBBB",
    "nonce": b"n" * 32,
    "expires_at": phone.EXPIRES_AT + 1,
    "claim_key_thumbprint": b"c" * 32,
    "sealing_key_thumbprint": b"s" * 32,
}


@pytest.mark.parametrize(("name", "value"), OTHERS.items())
def test_what_was_not_issued_does_not_match(name, value, read, issued):
    evidence = dataclasses.replace(read(), **{name: value})
    assert reason_of(check_message, evidence, issued) is Reason.MESSAGE_MISMATCH


@pytest.mark.parametrize("name", ["nonce", "claim_key_thumbprint", "sealing_key_thumbprint", "challenge_id"])
def test_an_empty_value_does_not_match(name, read, issued):
    evidence = read()
    empty = type(getattr(evidence, name))()
    assert reason_of(check_message, dataclasses.replace(evidence, **{name: empty}), issued) is Reason.MESSAGE_MISMATCH


@pytest.mark.parametrize("agreed", [(2, 1), (1, 1), (4, 3, 2, 1)])
def test_an_agreement_has_one_spelling(agreed, read, issued):
    evidence = dataclasses.replace(read(), agreed=tuple(Attribute(number) for number in agreed))
    assert reason_of(check_message, evidence, issued) is Reason.MESSAGE_MISMATCH


@pytest.mark.parametrize(("late", "in_time"), [(-1, True), (0, True), (0.001, False), (1, False), (1800, False)])
def test_the_answer_must_have_come_in_time(late, in_time, read, issued):
    answered = dataclasses.replace(issued, answered_at=issued.expires_at + late)
    if in_time:
        check_message(read(), answered)
    else:
        assert reason_of(check_message, read(), answered) is Reason.CHALLENGE_EXPIRED


FIELDS = st.tuples(
    st.binary(max_size=40),
    st.sets(st.sampled_from(Attribute)).map(lambda chosen: tuple(sorted(chosen))),
    st.text(max_size=10),
    st.binary(max_size=40),
    st.integers(0, 2**40),
    st.binary(max_size=40),
    st.binary(max_size=40),
)


def message_of(fields):
    binding, agreed, challenge_id, nonce, expires_at, claim, sealing = fields
    return signed_message(Issued(challenge_id, nonce, expires_at, 0, claim, sealing), binding, agreed)


@given(FIELDS, FIELDS)
def test_no_two_challenges_have_one_message(one, other):
    assert (message_of(one) == message_of(other)) == (one == other)
