import pytest
from hypothesis import given
from hypothesis import strategies as st
from kit.hour import Hour

times = st.floats(min_value=1.6e9, max_value=4e9)


def test_an_hour_of_operation():
    hour = Hour()
    assert hour.epoch_seconds == 60
    assert hour.epoch_of(1_800_000_059.9) == 30_000_000
    assert hour.epoch_start(30_000_000) == 1_800_000_000
    assert hour.key_deadline(30_000_000) == 1_800_000_000 + 59 * 60 + 30
    assert hour.credential_deadline(30_000_000) == 1_800_000_000 + 58 * 60
    assert hour.minutes(5) == 300


def test_everything_scales():
    hour = Hour(120.0)
    assert hour.epoch_seconds == 2
    assert hour.key_deadline(0) == 119
    assert hour.credential_deadline(0) == 116
    assert hour.minutes(50) == 100


@given(times, st.sampled_from([3600.0, 1800.0, 120.0, 90.0, 60.0]))
def test_a_moment_lies_in_its_epoch(t, seconds):
    hour = Hour(seconds)
    epoch = hour.epoch_of(t)
    # A millionth of a second of slack: epoch lengths are not always whole in binary.
    assert hour.epoch_start(epoch) <= t + 1e-6
    assert t < hour.epoch_start(epoch + 1) + 1e-6
    assert hour.credential_deadline(epoch) < hour.key_deadline(epoch) < hour.epoch_start(epoch + 60)


@given(times)
def test_keys_die_within_the_hour_of_every_login_of_their_epoch(t):
    hour = Hour()
    assert hour.key_deadline(hour.epoch_of(t)) <= t + 3600


@pytest.mark.parametrize("seconds", [0.0, -1.0, float("nan")])
def test_no_hour_of_nothing(seconds):
    with pytest.raises(ValueError):
        Hour(seconds)
