"""Tokens are parsed strictly, and neither kind passes for the other."""

import pytest
from challenge.domain.refusals import Refusal, Refused
from challenge.domain.token import (
    LinkToken,
    QrToken,
    TokenSecrets,
    challenge_id_of,
    check_genuine,
    handle_of,
    parse_token,
)
from hypothesis import assume, given
from hypothesis import strategies as st
from kit.encoding import b64u

from tests.support.challenge_tokens import link_token, qr_token

handles = st.binary(min_size=16, max_size=16)
secrets_of = st.builds(TokenSecrets, st.binary(min_size=16, max_size=16), st.binary(min_size=32, max_size=32))


@given(handles, secrets_of, st.integers(0, 2**32 - 1))
def test_what_is_built_is_genuine(handle, secrets, step):
    link = parse_token(link_token(handle, secrets.link_secret))
    assert link == LinkToken(handle, secrets.link_secret)
    check_genuine(link, secrets)
    qr = parse_token(qr_token(handle, step, secrets.qr_secret))
    assert isinstance(qr, QrToken)
    assert (qr.handle, qr.step) == (handle, step)
    check_genuine(qr, secrets)


@given(handles, secrets_of, st.integers(0, 2**32 - 2))
def test_a_step_cannot_be_moved(handle, secrets, step):
    qr = parse_token(qr_token(handle, step, secrets.qr_secret))
    with pytest.raises(Refused):
        check_genuine(QrToken(handle, step + 1, qr.mac), secrets)


@given(handles, secrets_of)
def test_a_token_cannot_change_its_transport(handle, secrets):
    link = link_token(handle, secrets.link_secret)
    qr = qr_token(handle, 7, secrets.qr_secret)
    for forged in ("q" + link[1:], "a" + qr[1:]):
        with pytest.raises(Refused):
            parse_token(forged)
    # Not even with the other transport's secret in the right length.
    assume(secrets.qr_secret[:16] != secrets.link_secret)
    with pytest.raises(Refused):
        check_genuine(parse_token(link_token(handle, secrets.qr_secret[:16])), secrets)


@given(st.text(max_size=60) | st.from_regex(r"[aqc][A-Za-z0-9_=\-]{40,50}", fullmatch=True))
def test_any_text_is_a_token_of_one_spelling_or_refused(text):
    try:
        token = parse_token(text)
    except Refused:
        return
    if isinstance(token, LinkToken):
        assert link_token(token.handle, token.secret) == text
    else:
        assert text == "q" + b64u(token.handle + token.step.to_bytes(4, "big") + token.mac)


@given(handles)
def test_a_challenge_id_gives_its_handle(handle):
    assert handle_of(challenge_id_of(handle)) == handle


@pytest.mark.parametrize("text", ["", "c", "c" + "A" * 21, "c" + "A" * 23, "d" + "A" * 22, "c" + "A" * 21 + "B", "cé"])
def test_other_texts_are_no_challenge(text):
    with pytest.raises(Refused) as caught:
        handle_of(text)
    assert caught.value.refusal is Refusal.CHALLENGE_UNKNOWN
