"""The handle of a root subject: the same for the same card, another for everything else."""

import hashlib
import hmac

import pytest
from hypothesis import given
from hypothesis import strategies as st
from kit.encoding import length_prefixed
from verifier.domain.subject_handle import SubjectHandles

KEY, ROOT, SERIAL = b"k" * 32, b"r" * 20, 0x07100001


def handle(key=KEY, root=ROOT, serial=SERIAL, test_mode=False):
    return SubjectHandles(key, test_mode=test_mode).handle(root, serial)


def test_the_handle_is_an_hmac_over_environment_root_and_serial():
    message = length_prefixed(b"shirushi subject handle v1", b"production", ROOT, bytes.fromhex("07100001"))
    assert handle() == hmac.digest(KEY, message, hashlib.sha256)


def test_the_same_card_has_the_same_handle():
    assert handle() == handle()


@pytest.mark.parametrize(
    "other",
    [{"key": b"K" * 32}, {"root": b"R" * 20}, {"serial": SERIAL + 1}, {"serial": 0x01000710}, {"test_mode": True}],
    ids=["key", "root", "next serial", "serial in the other order", "environment"],
)
def test_everything_that_differs_gives_another_handle(other):
    assert handle(**other) != handle()


@given(
    st.tuples(st.binary(max_size=20), st.integers(1, 2**160)), st.tuples(st.binary(max_size=20), st.integers(1, 2**160))
)
def test_no_two_cards_share_a_handle(one, other):
    assert (handle(root=one[0], serial=one[1]) == handle(root=other[0], serial=other[1])) == (one == other)


@pytest.mark.parametrize("length", [0, 16, 31, 33])
def test_a_key_of_another_length_is_refused(length):
    with pytest.raises(ValueError, match="32 bytes"):
        SubjectHandles(bytes(length), test_mode=False)
