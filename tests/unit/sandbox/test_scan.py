"""The simulated phone reads the QR codes that the login page shows."""

import pytest
import segno
from hypothesis import given
from hypothesis import strategies as st
from sandbox.phone.scan import ScanError, scan

ALPHABET = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_#&=:/."


def drawn(text, **options):
    code = segno.make(text, micro=False, mode="byte", **options)
    return code.svg_inline(scale=1, border=3, dark="#10222b", light="#ffffff", omitsize=True)


@given(st.text(ALPHABET, min_size=1, max_size=400), st.sampled_from("LMQH"))
def test_what_is_drawn_is_read(text, error):
    assert scan(f"<html><body>{drawn(text, error=error)}</body></html>") == text


@pytest.mark.parametrize("mask", range(8))
def test_every_mask_is_known(mask):
    text = "https://localhost:8446/link#t=q" + "A" * 48 + "&k=" + "b" * 43
    assert scan(drawn(text, mask=mask, error="m")) == text


@pytest.mark.parametrize("page", ["", "<p>no code</p>", '<svg><path stroke="#000" d="M0 0h3"/></svg>'])
def test_a_page_without_a_code_is_refused(page):
    with pytest.raises(ScanError):
        scan(page)


def test_other_modes_are_refused():
    with pytest.raises(ScanError):
        scan(segno.make("12345", micro=False).svg_inline())
