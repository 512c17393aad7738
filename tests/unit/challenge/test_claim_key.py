"""Claim keys are P-256 points in one spelling; proofs are ES256 over one request."""

import pytest
from challenge.domain.claim_key import claim_key_of_coordinates
from challenge.domain.proof import check_proof
from challenge.domain.refusals import Refusal, Refused
from hypothesis import given
from hypothesis import strategies as st
from joserfc.jwk import ECKey
from kit.encoding import b64u


def test_the_thumbprint_is_that_of_rfc_7638():
    jwk = ECKey.generate_key("P-256")
    public = jwk.as_dict(private=False)
    key = claim_key_of_coordinates(public["x"], public["y"])
    assert b64u(key.thumbprint) == jwk.thumbprint()


@pytest.mark.parametrize(
    ("x", "y"),
    [
        (b64u(b"\0" * 32), b64u(b"\0" * 32)),
        (b64u(b"\xff" * 32), b64u(b"\xff" * 32)),
        (b64u(b"\1" * 31), b64u(b"\1" * 32)),
        ("", ""),
        ("é" * 43, "é" * 43),
        ("A" * 4300, "A" * 43),
    ],
)
def test_what_is_no_point_is_refused(x, y):
    with pytest.raises(Refused) as caught:
        claim_key_of_coordinates(x, y)
    assert caught.value.refusal is Refusal.MALFORMED_REQUEST


@given(st.text(max_size=90) | st.binary(min_size=64, max_size=64).map(b64u))
def test_no_other_text_is_a_proof(text):
    jwk = _KEY.as_dict(private=False)
    with pytest.raises(Refused) as caught:
        check_proof(text, claim_key_of_coordinates(jwk["x"], jwk["y"]), b"message")
    assert caught.value.refusal is Refusal.PROOF_INVALID


_KEY = ECKey.generate_key("P-256")
