"""Rules that fit in a few lines each: PKCE, typed code, redirect URI, cookie, network, browser, QR, texts."""

import hashlib
import re
import unicodedata
from pathlib import Path

import gateway
import pytest
from gateway.domain.browser import browser_of
from gateway.domain.cookie import cookie_name, cookie_value, is_cookie_of, superfluous
from gateway.domain.errors import OAuthError
from gateway.domain.network import network_digest
from gateway.domain.outcome import class_of
from gateway.domain.pkce import check_code_challenge, check_code_verifier
from gateway.domain.qr import QrSource, qr_token
from gateway.domain.redirect_uri import shown_origin, with_parameters
from gateway.domain.sector import sector_commitment, sector_label
from gateway.domain.typed_code import ALPHABET, LENGTH, same_code, typed_code
from gateway.texts import TEXTS
from hypothesis import given
from hypothesis import strategies as st
from kit.encoding import b64u

KEY, LOGIN = b"k" * 32, b"L" * 16


def test_the_example_of_rfc_7636_appendix_b():
    challenge = check_code_challenge("E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM", "S256")
    check_code_verifier("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk", challenge)


@given(st.text(max_size=140))
def test_no_other_verifier_fits(verifier):
    challenge = b64u(hashlib.sha256(b"x" * 43).digest())
    with pytest.raises(OAuthError):
        check_code_verifier(verifier, challenge)


def test_a_typed_code_is_of_one_login_and_reads_one_way():
    code = typed_code(KEY, LOGIN)
    assert len(code) == LENGTH
    assert set(code) <= set(ALPHABET)
    assert not set(ALPHABET) & set("01258BILOSZ")
    assert code != typed_code(KEY, b"M" * 16) != typed_code(b"l" * 32, LOGIN)


def full_width(code):
    return "".join(chr(ord(letter) + 0xFEE0) for letter in code)


@pytest.mark.parametrize("spoil", [str.lower, lambda c: f" {c[:3]}-{c[3:]} ", "\u3000".join, full_width])
def test_a_code_may_be_typed_in_many_ways(spoil):
    assert same_code("34679A", spoil("34679A"))


@given(st.text(max_size=70))
def test_another_code_is_wrong_and_never_an_error(typed):
    plain = unicodedata.normalize("NFKC", typed).upper()
    assert same_code("34679A", typed) == (re.sub("[- ]", "", plain) == "34679A")


def test_a_cookie_is_of_one_login_and_one_epoch():
    name, value = cookie_name(KEY, LOGIN), cookie_value(KEY, LOGIN)
    assert name.startswith("__Host-")
    assert LOGIN.hex() not in name
    assert is_cookie_of(KEY, LOGIN, value)
    assert not is_cookie_of(KEY, b"M" * 16, value)
    assert not is_cookie_of(b"l" * 32, LOGIN, value)
    assert not is_cookie_of(KEY, LOGIN, "")


def test_the_oldest_cookies_make_room():
    assert superfluous(list("abcd")) == []
    assert superfluous(list("abcde")) == ["a"]
    assert superfluous(list("abcdefg")) == ["a", "b", "c"]


@pytest.mark.parametrize(
    ("uri", "shown"),
    [
        ("https://city.test/callback?a=b", "https://city.test"),
        ("https://city.test:8443/", "https://city.test:8443"),
        ("http://localhost:80/x", "http://localhost:80"),
        ("jp.test.city:/callback", "jp.test.city:"),
    ],
)
def test_what_is_shown_of_a_redirect_uri(uri, shown):
    assert shown_origin(uri) == shown


def test_parameters_join_a_query_that_is_there():
    assert with_parameters("https://a.test/", {"b": "c d&"}) == "https://a.test/?b=c+d%26"
    assert with_parameters("https://a.test/?x=y", {"b": "c"}) == "https://a.test/?x=y&b=c"
    assert with_parameters("https://a.test/?", {"b": "c"}) == "https://a.test/?b=c"


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("192.0.2.7", "192.0.2.200", True),
        ("192.0.2.7", "192.0.3.7", False),
        ("2001:db8:1:200::1", "2001:db8:1:2ff::9", True),
        ("2001:db8:1:200::1", "2001:db8:1:300::1", False),
        ("192.0.2.7", "::ffff:192.0.2.9", True),
        ("fe80::1%eth0", "fe80::2%eth1", True),
    ],
)
def test_networks_are_compared_without_their_addresses(one, other, same):
    assert (network_digest(one, KEY) == network_digest(other, KEY)) == same


@pytest.mark.parametrize("address", ["", "unknown", "192.0.2", "testclient", "1" * 5000])
def test_what_is_no_address_gives_no_hint(address):
    assert network_digest(address, KEY) == b""
    assert network_digest("192.0.2.7", None) == b""


@pytest.mark.parametrize(
    ("agent", "said"),
    [
        (
            "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 Chrome/140 Safari/537.36 Edg/140",
            ("Edge", "Windows"),
        ),
        (
            "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) Version/18.0 Mobile Safari/604.1",
            ("Safari", "iPhone"),
        ),
        ("Mozilla/5.0 (Linux; Android 15) Chrome/140.0 Mobile Safari/537.36", ("Chrome", "Android")),
        ("Mozilla/5.0 (Macintosh; Intel Mac OS X 14_0) Firefox/140.0", ("Firefox", "macOS")),
        ("curl/8", ("", "")),
        ("", ("", "")),
    ],
)
def test_a_browser_is_two_words_of_a_closed_list(agent, said):
    assert browser_of(agent) == said


def test_qr_tokens_change_with_their_step_and_hold_no_secret():
    source = QrSource(b"h" * 16, b"s" * 32, b"k" * 32)
    assert QrSource.unpacked(source.packed()) == source
    assert QrSource.unpacked(b"") is QrSource.unpacked(b"x" * 79) is None
    now = source.link("https://app.test/link", 1000.0)
    assert now == source.link("https://app.test/link", 1004.9) != source.link("https://app.test/link", 1005.0)
    assert b64u(b"s" * 32) not in qr_token(source.handle, source.secret, 1000.0)


def test_a_commitment_is_to_one_sector_and_says_nothing_without_its_blind():
    city, bank = (sector_label(KEY, name) for name in ("city.test", "bank.test"))
    assert sector_commitment(city, b"b" * 32) != sector_commitment(bank, b"b" * 32)
    assert sector_commitment(city, b"b" * 32) != sector_commitment(city, b"c" * 32)


def test_an_unknown_reason_has_a_class():
    assert class_of(4711) == "card_not_accepted"


def test_every_text_is_there_in_both_languages_and_every_reason_has_one():
    assert all(japanese.strip() and english.strip() for japanese, english in TEXTS.values())
    root = Path(gateway.__file__).parent
    code = "".join(path.read_text() for path in root.rglob("*.py"))
    reasons = set(re.findall(r'(?:UnsafeRequest|LoginRefused|error_page)\(\s*"([a-z_]+)"', code))
    used = set(re.findall(r"\bt\.([a-z_]+)", "".join(path.read_text() for path in root.rglob("*.html"))))
    assert reasons
    assert not (reasons - {"not_ready", "needs_return"}) - TEXTS.keys()
    assert not used - TEXTS.keys()
