"""Opaque tokens are good for one kind, one epoch and as long as its key, and unreadable to whoever holds them."""

import hashlib

import pytest
from gateway.domain.opaque_token import PresentTokenKeys, TokenInvalid, open_token, seal_token
from hypothesis import given
from hypothesis import strategies as st
from kit.clock import FixedClock
from kit.custody import KeyGone
from kit.encoding import b64u, unb64u
from kit.hour import Hour

KINDS = ("page", "returned", "return", "code", "access")
LOGIN, PAYLOAD = b"L" * 16, b"planted secret"


class Keys:
    """Keys of every epoch from 1 on."""

    def token_key(self, epoch):
        if epoch < 1:
            raise KeyGone
        return hashlib.sha256(b"%d" % epoch).digest()


@given(st.sampled_from(KINDS), st.integers(1, 2**32 - 1), st.binary(min_size=16, max_size=16), st.binary(max_size=100))
def test_what_is_sealed_is_opened(kind, epoch, login_id, payload):
    opened = open_token(Keys(), kind, seal_token(Keys(), kind, epoch, login_id, payload))
    assert (opened.epoch, opened.login_id, opened.payload) == (epoch, login_id, payload)


@pytest.mark.parametrize("kind", KINDS)
def test_no_kind_is_taken_for_another(kind):
    token = seal_token(Keys(), kind, 7, LOGIN, PAYLOAD)
    for other in set(KINDS) - {kind}:
        with pytest.raises(TokenInvalid):
            open_token(Keys(), other, token)


def test_the_same_login_never_has_the_same_token_twice_and_it_shows_nothing():
    tokens = {seal_token(Keys(), "code", 7, LOGIN, PAYLOAD) for _ in range(5)}
    assert len(tokens) == 5
    for token in tokens:
        raw = unb64u(token, max_bytes=256)
        assert LOGIN not in raw
        assert PAYLOAD not in raw


def test_every_changed_bit_makes_it_none():
    raw = unb64u(seal_token(Keys(), "code", 7, LOGIN, PAYLOAD), max_bytes=256)
    for bit in range(len(raw) * 8):
        changed = bytearray(raw)
        changed[bit // 8] ^= 1 << bit % 8
        with pytest.raises((TokenInvalid, KeyGone)):
            open_token(Keys(), "code", b64u(bytes(changed)))


@given(st.one_of(st.text(max_size=400), st.binary(max_size=300).map(b64u)))
def test_anything_else_is_none(text):
    with pytest.raises((TokenInvalid, KeyGone)):
        open_token(Keys(), "page", text)


def test_an_epoch_that_has_not_begun_has_no_tokens():
    clock = FixedClock(6000.0)
    keys = PresentTokenKeys(Keys(), clock, Hour())
    assert keys.token_key(100)
    assert keys.token_key(101)
    with pytest.raises(KeyGone):
        keys.token_key(102)
