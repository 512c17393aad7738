"""A source that does not answer is asked once a pause, and again by all as soon as it answers."""

import pytest
from kit.clock import FixedClock
from verifier.peers.breaker import FAILURES_BEFORE_OPEN, LONGEST_PAUSE_SECONDS, Breaker


@pytest.fixture
def clock():
    return FixedClock(1000.0)


@pytest.fixture
def breaker(clock):
    return Breaker(clock.now)


def fail(breaker, times):
    for _ in range(times):
        breaker.failed()


def test_a_failure_now_and_then_changes_nothing(breaker):
    for _ in range(10):
        fail(breaker, FAILURES_BEFORE_OPEN - 1)
        assert breaker.allows()
        breaker.succeeded()


def test_after_several_in_a_row_nobody_asks_for_a_while(breaker, clock):
    fail(breaker, FAILURES_BEFORE_OPEN)
    assert not breaker.allows()
    clock.advance(0.49)
    assert not breaker.allows()


def test_after_the_pause_one_question_goes_through(breaker, clock):
    fail(breaker, FAILURES_BEFORE_OPEN)
    clock.advance(1.0)
    assert breaker.allows()
    assert not breaker.allows()


def test_an_answer_lets_everybody_ask_again(breaker, clock):
    fail(breaker, FAILURES_BEFORE_OPEN + 3)
    clock.advance(LONGEST_PAUSE_SECONDS)
    assert breaker.allows()
    breaker.succeeded()
    assert all(breaker.allows() for _ in range(100))


def test_the_pause_grows_to_a_bound(breaker, clock):
    fail(breaker, 1000)
    assert not breaker.allows()
    clock.advance(LONGEST_PAUSE_SECONDS / 2 - 0.01)
    assert not breaker.allows()
    clock.advance(LONGEST_PAUSE_SECONDS / 2 + 0.01)
    assert breaker.allows()


def test_a_question_that_never_comes_back_does_not_close_it_for_ever(breaker, clock):
    fail(breaker, FAILURES_BEFORE_OPEN)
    clock.advance(1.0)
    assert breaker.allows()
    clock.advance(LONGEST_PAUSE_SECONDS)
    assert breaker.allows()
