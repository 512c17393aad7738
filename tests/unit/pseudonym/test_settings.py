import json

import pytest
from pseudonym.domain.pairwise_sub import PairwiseKeys
from pseudonym.settings import read_pairwise_keys


def written(tmp_path, content):
    path = tmp_path / "keys.json"
    path.write_bytes(content if isinstance(content, bytes) else json.dumps(content).encode())
    return path


def test_keys_are_read_by_version(tmp_path):
    keys = read_pairwise_keys(written(tmp_path, {"1": "01" * 32, "12": "02" * 32}))
    assert keys.versions == (1, 12)
    expected = PairwiseKeys({1: b"\x01" * 32, 12: b"\x02" * 32})
    assert keys.sub(12, b"s" * 32, b"h" * 32) == expected.sub(12, b"s" * 32, b"h" * 32)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"not json",
        b"\xff\xfe",
        b"[" * 100_000,
        b" " * 70_000,
        [],
        "text",
        {},
        {"1": 5},
        {"1": None},
        {"1": "zz" * 32},
        {"1": "01" * 31},
        {"1": "01" * 33},
        {"0": "01" * 32},
        {"-1": "01" * 32},
        {"01": "01" * 32},
        {" 1": "01" * 32},
        {"\uff11": "01" * 32},
        {"one": "01" * 32},
        {"4294967296": "01" * 32},
        {"1": "01" * 32, "2": "01" * 32},
        b'{"1": "' + b"01" * 32 + b'", "1": "' + b"02" * 32 + b'"}',
    ],
)
def test_a_file_that_cannot_be_right_is_refused_naming_the_path(tmp_path, content):
    path = written(tmp_path, content)
    with pytest.raises(ValueError, match=r"keys\.json"):
        read_pairwise_keys(path)


def test_a_refusal_shows_no_key(tmp_path):
    key = "deadbeef" * 8
    path = written(tmp_path, {"1": key, "2": key[:-1]})
    with pytest.raises(ValueError) as refused:
        read_pairwise_keys(path)
    assert "deadbeef" not in str(refused.value)
    assert refused.value.__cause__ is None
