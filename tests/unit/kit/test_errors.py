import time

import pytest
from kit.clock import FixedClock, SystemClock
from kit.errors import Code, ShirushiError, Unavailable


def test_an_error_has_a_reason_even_without_one():
    error = ShirushiError(Code.NOT_FOUND, "there is no such thing")
    assert (error.code, error.public_text, error.reason) == (Code.NOT_FOUND, "there is no such thing", "not_found")
    assert ShirushiError(Code.CONFLICT, "", "already_claimed").reason == "already_claimed"


def test_unavailable_is_one_of_them():
    error = Unavailable(reason="keys_missing")
    assert isinstance(error, ShirushiError)
    assert (error.code, error.reason) == (Code.UNAVAILABLE, "keys_missing")


def test_a_fixed_clock_moves_when_told():
    clock = FixedClock(100.0)
    clock.advance(2.5)
    assert clock.now() == 102.5
    assert SystemClock().now() == pytest.approx(time.time(), abs=1)
