import base64
import hashlib
import hmac
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from kit.errors import Code, ShirushiError
from pseudonym.domain.pairwise_sub import PairwiseKeys

KEY, OTHER = bytes(range(32)), bytes(range(1, 33))
LABEL, HANDLE = b"S" * 32, b"H" * 32
bytes32 = st.binary(min_size=32, max_size=32)


def keys():
    return PairwiseKeys({1: KEY, 7: OTHER})


def test_the_sub_is_the_published_formula():
    message = b"\x00\x00\x00\x0fshirushi sub v1" + b"\x00\x00\x00\x20" + LABEL + b"\x00\x00\x00\x20" + HANDLE
    expected = base64.urlsafe_b64encode(hmac.new(KEY, message, hashlib.sha256).digest()).rstrip(b"=").decode()
    assert keys().sub(1, LABEL, HANDLE) == expected


def test_the_sub_is_pinned():
    """Relying parties keep it for years: this value may never change."""
    assert keys().sub(1, LABEL, HANDLE) == "n0PU1HKPaF4svM4QGX--ONq9rnLivacyqvhCsFsycJs"


def test_the_sub_is_43_characters_of_base64url():
    assert re.fullmatch(r"[A-Za-z0-9_-]{43}", keys().sub(1, LABEL, HANDLE))


def test_the_same_person_in_the_same_sector_is_the_same():
    assert keys().sub(1, LABEL, HANDLE) == keys().sub(1, LABEL, HANDLE)


def test_a_new_key_version_changes_no_sub_of_an_older_one():
    assert PairwiseKeys({1: KEY}).sub(1, LABEL, HANDLE) == PairwiseKeys({1: KEY, 2: OTHER}).sub(1, LABEL, HANDLE)


@given(bytes32, bytes32, bytes32, bytes32)
def test_sectors_and_people_do_not_meet(label, other_label, handle, other_handle):
    subs = {
        (chosen, held): keys().sub(1, chosen, held)
        for chosen in (label, other_label)
        for held in (handle, other_handle)
    }
    assert len(set(subs.values())) == len(subs)


@given(bytes32, bytes32)
def test_key_versions_do_not_meet(label, handle):
    assert keys().sub(1, label, handle) != keys().sub(7, label, handle)


@given(st.binary(min_size=1, max_size=64), st.binary(max_size=64))
def test_no_byte_moves_from_sector_to_person(label, handle):
    assert keys().sub(1, label, handle) != keys().sub(1, label[:-1], label[-1:] + handle)


@given(st.integers(min_value=0, max_value=2**32 - 1).filter(lambda version: version not in (1, 7)))
def test_a_version_that_is_not_held_is_refused(version):
    with pytest.raises(ShirushiError) as refused:
        keys().sub(version, LABEL, HANDLE)
    assert (refused.value.code, refused.value.reason) == (Code.FAILED_PRECONDITION, "key_version_unknown")


@pytest.mark.parametrize(
    ("held", "says"),
    [
        ({}, "no pairwise key"),
        ({0: KEY}, "between 1"),
        ({-1: KEY}, "between 1"),
        ({2**32: KEY}, "between 1"),
        ({1: KEY[:31]}, "not 32 bytes"),
        ({1: KEY + b"x"}, "not 32 bytes"),
        ({1: b""}, "not 32 bytes"),
        ({1: KEY, 2: KEY}, "same pairwise key"),
    ],
)
def test_keys_that_cannot_be_right_are_refused_at_start(held, says):
    with pytest.raises(ValueError, match=says):
        PairwiseKeys(held)


def test_a_changed_mapping_changes_no_key():
    held = {1: KEY}
    pairwise = PairwiseKeys(held)
    before = pairwise.sub(1, LABEL, HANDLE)
    held[1] = OTHER
    assert pairwise.sub(1, LABEL, HANDLE) == before


def test_no_repr_shows_a_key():
    assert repr(keys()) == "PairwiseKeys(versions=(1, 7))"
