import pytest
from hypothesis import given
from hypothesis import strategies as st
from kit.clock import FixedClock, LatestTime

T0 = 1_800_000_000.0


@pytest.fixture
def clock():
    return FixedClock(T0)


@pytest.fixture
def elapsed():
    return FixedClock(0.0)


@pytest.fixture
def latest(clock, elapsed):
    return LatestTime(clock, elapsed.now)


def test_time_goes_on_behind_a_clock_that_was_set_back(latest, clock, elapsed):
    clock.t = T0 - 600
    elapsed.t = 60
    assert latest.now() == T0 + 60


def test_a_clock_that_went_ahead_is_followed_and_goes_on_from_there(latest, clock, elapsed):
    clock.t = T0 + 600
    assert latest.now() == T0 + 600
    clock.t = T0
    elapsed.t = 60
    assert latest.now() == T0 + 660


def test_a_clock_that_is_believed_again_counts_from_where_it_stands(latest, clock, elapsed):
    clock.t = T0 - 600
    elapsed.t = 60
    assert latest.behind() == 660
    latest.believe_clock()
    assert latest.behind() == 0
    elapsed.t = 90
    assert latest.now() == T0 - 570


@given(
    st.lists(st.tuples(st.floats(min_value=-9000, max_value=9000), st.floats(min_value=0, max_value=9000)), max_size=20)
)
def test_it_never_falls_behind_the_clock_itself_or_the_seconds_between(moves):
    clock, elapsed = FixedClock(T0), FixedClock(0.0)
    latest = LatestTime(clock, elapsed.now)
    before = latest.now()
    for moved, passed in moves:
        clock.advance(moved + passed)
        elapsed.advance(passed)
        now = latest.now()
        assert now >= clock.now()
        # A millionth of a second of slack for the rounding of sums.
        assert now >= before + passed - 1e-6
        before = now
