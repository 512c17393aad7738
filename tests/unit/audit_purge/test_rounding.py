import pytest
from audit_purge.domain.rounding import rounded
from hypothesis import given
from hypothesis import strategies as st


@pytest.mark.parametrize(
    ("count", "told"), [(0, 0), (1, 10), (9, 10), (10, 10), (14, 10), (15, 20), (94, 90), (95, 100), (1234, 1230)]
)
def test_a_count_is_told_rounded(count, told):
    assert rounded(count) == told


@given(st.integers(min_value=1, max_value=10**9))
def test_no_count_but_nothing_is_told_as_nothing_and_none_is_told_exactly_below_ten(count):
    assert rounded(count) >= 10
    assert rounded(count) % 10 == 0
    assert abs(rounded(count) - count) <= 9
