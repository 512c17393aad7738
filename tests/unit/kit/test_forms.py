from urllib.parse import urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st
from kit.http import FormError, parse_form, parse_query

# Surrogates cannot be encoded.
text = st.text(st.characters(exclude_categories=["Cs"]), max_size=30)


@given(st.dictionaries(text.filter(lambda name: 0 < len(name.encode()) <= 60), text, max_size=10))
def test_what_was_encoded_comes_back(fields):
    assert parse_form(urlencode(fields).encode()) == fields


@given(st.binary(max_size=300))
def test_any_bytes_are_read_or_refused(body):
    try:
        fields = parse_form(body, max_fields=5, max_value=20)
    except FormError as error:
        refused = error
    else:
        assert len(fields) <= 5
        assert all(len(value.encode()) <= 20 for value in fields.values())
        return
    assert refused.kind in {"doubled", "too_long", "not_utf8", "too_many"}
    assert refused.public_text


@pytest.mark.parametrize(
    ("body", "kind", "name"),
    [
        (b"a=1&a=1", "doubled", "a"),
        (b"a=1&%61=2", "doubled", "a"),
        (b"a&a", "doubled", "a"),
        (b"a=" + b"x" * 11, "too_long", "a"),
        (b"a=" + b"%41" * 11, "too_long", "a"),
        (b"a=" + "あ".encode() * 4, "too_long", "a"),
        (b"a=\xff", "not_utf8", "a"),
        (b"a=%ff", "not_utf8", "a"),
        (b"a=%ed%a0%80", "not_utf8", "a"),
        (b"%ff=1", "not_utf8", ""),
        (b"x" * 200 + b"=1", "too_long", ""),
        (b"a=1&b=2&c=3&d=4", "too_many", ""),
        ("花子=1&花子=2".encode(), "doubled", ""),
        (b"<script>=1&<script>=2", "doubled", ""),
    ],
)
def test_two_readings_are_refused(body, kind, name):
    with pytest.raises(FormError) as refused:
        parse_form(body, max_fields=3, max_value=10)
    assert (refused.value.kind, refused.value.name) == (kind, name)
    if name:
        assert name in refused.value.public_text
    assert "花子" not in refused.value.public_text


def test_empty_values_stay_and_nameless_ones_go():
    assert parse_form(b"&a=&=x&b&c=1+2%2B") == {"a": "", "b": "", "c": "1 2+"}
    assert parse_form(b"") == {}


def test_a_value_of_exactly_the_bound_is_read():
    assert parse_form(b"a=" + b"x" * 10, max_value=10)["a"] == "x" * 10
    assert parse_form("a=あああ".encode(), max_value=9)["a"] == "あああ"


def test_a_query_may_be_text():
    assert parse_query("a=%E3%81%82&b=あ") == {"a": "あ", "b": "あ"}
    with pytest.raises(FormError):
        parse_query("a=\ud800")
