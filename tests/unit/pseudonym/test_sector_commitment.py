import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st
from kit.errors import Code, ShirushiError
from pseudonym.domain.sector_commitment import check_sector_commitment, sector_commitment

LABEL, BLIND = bytes(range(32)), bytes(range(32, 64))


def test_the_commitment_is_the_published_formula():
    message = (
        b"\x00\x00\x00\x1dshirushi sector commitment v1" + b"\x00\x00\x00\x20" + LABEL + b"\x00\x00\x00\x20" + BLIND
    )
    assert sector_commitment(LABEL, BLIND) == hashlib.sha256(message).digest()


def test_the_commitment_is_pinned():
    """The phone, the verifier and the gateway compute it too: this value may never change."""
    assert sector_commitment(LABEL, BLIND).hex() == "64d088988ec34b3746d5d083fe8841c93d0142b5c5789c4ce7cb58bc5a136ce0"


def test_the_label_and_blind_that_were_committed_to_open_it():
    check_sector_commitment(LABEL, BLIND, sector_commitment(LABEL, BLIND))


@pytest.mark.parametrize(
    ("label", "blind", "commitment"),
    [
        (b"x" * 32, BLIND, sector_commitment(LABEL, BLIND)),
        (LABEL, b"x" * 32, sector_commitment(LABEL, BLIND)),
        (BLIND, LABEL, sector_commitment(LABEL, BLIND)),
        (LABEL, BLIND, bytes(32)),
        (LABEL, BLIND, b""),
        (LABEL, BLIND, sector_commitment(LABEL, BLIND)[:-1]),
        (LABEL, BLIND, sector_commitment(LABEL, BLIND) + b"\x00"),
    ],
    ids=["another sector", "another blind", "swapped", "zeros", "empty", "shorter", "longer"],
)
def test_anything_else_does_not_open_it(label, blind, commitment):
    with pytest.raises(ShirushiError) as refused:
        check_sector_commitment(label, blind, commitment)
    assert (refused.value.code, refused.value.reason) == (Code.FAILED_PRECONDITION, "sector_commitment_mismatch")


@given(st.binary(max_size=64), st.binary(max_size=64))
def test_no_byte_moves_from_label_to_blind(label, blind):
    if label:
        assert sector_commitment(label, blind) != sector_commitment(label[:-1], label[-1:] + blind)


@given(st.binary(min_size=32, max_size=32), st.binary(min_size=32, max_size=32), st.integers(0, 255))
def test_a_flipped_bit_anywhere_is_refused(label, blind, bit):
    flipped = bytearray(label)
    flipped[bit // 8] ^= 1 << (bit % 8)
    with pytest.raises(ShirushiError):
        check_sector_commitment(bytes(flipped), blind, sector_commitment(label, blind))
