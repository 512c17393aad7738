"""Sealing to one receiver, and padding."""

import os

import pytest
from hypothesis import given
from hypothesis import strategies as st
from kit.sealing import PUBLIC_KEY_BYTES, Sealer, SealingError, derive_key_pair, info, pad, unpad

SEALER = Sealer()
PAIR = derive_key_pair(bytes(range(96)))
INFO = info(1, "evidence", "phone", "verifier", 7, b"l" * 16)


def test_what_was_sealed_opens_with_the_key_and_the_same_info() -> None:
    sealed = SEALER.seal(b"evidence", PAIR.public_key, INFO)
    assert b"evidence" not in sealed
    assert SEALER.open_(sealed, PAIR, INFO) == b"evidence"


def test_the_same_seed_gives_the_same_pair() -> None:
    assert derive_key_pair(bytes(range(96))).public_key == PAIR.public_key
    assert derive_key_pair(os.urandom(96)).public_key != PAIR.public_key
    assert len(PAIR.public_key) == PUBLIC_KEY_BYTES


@pytest.mark.parametrize(
    "other",
    [
        info(2, "evidence", "phone", "verifier", 7, b"l" * 16),
        info(1, "verdict", "phone", "verifier", 7, b"l" * 16),
        info(1, "evidence", "challenge", "verifier", 7, b"l" * 16),
        info(1, "evidence", "phone", "gateway", 7, b"l" * 16),
        info(1, "evidence", "phone", "verifier", 8, b"l" * 16),
        info(1, "evidence", "phone", "verifier", 7, b"m" * 16),
    ],
    ids=["version", "type", "sender", "receiver", "epoch", "login"],
)
def test_a_ciphertext_does_not_open_at_another_place(other: bytes) -> None:
    with pytest.raises(SealingError):
        SEALER.open_(SEALER.seal(b"evidence", PAIR.public_key, INFO), PAIR, other)


def test_a_ciphertext_does_not_open_with_another_key() -> None:
    with pytest.raises(SealingError):
        SEALER.open_(SEALER.seal(b"evidence", PAIR.public_key, INFO), derive_key_pair(os.urandom(96)), INFO)


@given(st.binary(max_size=2000))
def test_bytes_that_nobody_sealed_do_not_open(rubbish: bytes) -> None:
    with pytest.raises(SealingError):
        SEALER.open_(rubbish, PAIR, INFO)


@pytest.mark.parametrize("flipped", [0, 600, 1119, 1120, 1130, -1])
def test_one_flipped_bit_anywhere_is_noticed(flipped: int) -> None:
    sealed = bytearray(SEALER.seal(b"evidence", PAIR.public_key, INFO))
    sealed[flipped] ^= 1
    with pytest.raises(SealingError):
        SEALER.open_(bytes(sealed), PAIR, INFO)


@pytest.mark.parametrize("raw", [b"", b"x" * 1215, b"\xff" * 1216, b"x" * 1217])
def test_a_key_that_is_none_is_refused(raw: bytes) -> None:
    with pytest.raises(SealingError):
        SEALER.seal(b"evidence", raw, INFO)


def test_a_seed_of_another_length_is_refused() -> None:
    with pytest.raises(ValueError):
        derive_key_pair(bytes(95))


@given(st.binary(max_size=3000), st.integers(16, 512))
def test_padding_comes_off_and_its_size_is_the_bound_or_a_doubling_of_it(payload: bytes, size: int) -> None:
    padded = pad(payload, size)
    assert unpad(padded) == payload
    assert len(padded) % size == 0
    assert (len(padded) // size).bit_count() == 1


@pytest.mark.parametrize("padded", [b"", b"\0\0\0", b"\0\0\0\2a", b"\xff\xff\xff\xffa", b"\0\0\0\1a\1"])
def test_wrong_padding_is_refused(padded: bytes) -> None:
    with pytest.raises(SealingError):
        unpad(padded)
