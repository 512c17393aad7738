import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st
from kit.encoding import b64u, length_prefixed, unb64u


def test_length_prefixes_are_four_bytes_big_endian():
    assert length_prefixed(b"ab", b"") == b"\0\0\0\2ab\0\0\0\0"
    assert length_prefixed() == b""


@given(st.lists(st.binary(max_size=6), max_size=5), st.lists(st.binary(max_size=6), max_size=5))
def test_different_lists_have_different_bytes(one, other):
    assert (length_prefixed(*one) == length_prefixed(*other)) == (one == other)


@given(st.binary(max_size=200))
def test_base64url_comes_back(value):
    text = b64u(value)
    assert text == base64.urlsafe_b64encode(value).decode().rstrip("=")
    assert unb64u(text, max_bytes=len(value)) == value
    if value:
        with pytest.raises(ValueError, match="too long"):
            unb64u(text, max_bytes=len(value) - 1)


@given(st.text(max_size=12))
def test_whatever_is_accepted_has_one_spelling(text):
    try:
        value = unb64u(text, max_bytes=100)
    except ValueError:
        return
    assert b64u(value) == text


@pytest.mark.parametrize("text", ["A", "AA==", "AB", "A+", "A/", "AA\n", "A A", "\uff21", "AAAAA", "é", "AA\0"])
def test_other_spellings_are_refused(text):
    with pytest.raises(ValueError):
        unb64u(text, max_bytes=100)


def test_the_bound_comes_before_the_work():
    with pytest.raises(ValueError, match="too long"):
        unb64u("!" * 10_000_000, max_bytes=32)
