"""What a process has answered is known to it for a minute."""

from gateway.domain.answered import LIFE_SECONDS, MOST, Answered


def test_what_was_noted_is_known():
    answered = Answered()
    answered.note(b"one")
    assert b"one" in answered
    assert b"two" not in answered


def test_it_is_forgotten_after_a_minute():
    now = [0.0]
    answered = Answered(lambda: now[0])
    answered.note(b"one")
    now[0] = LIFE_SECONDS + 1
    answered.note(b"two")
    assert b"one" not in answered
    assert b"two" in answered


def test_no_more_is_kept_than_the_bound():
    answered = Answered()
    for number in range(MOST + 1):
        answered.note(number.to_bytes(4, "big"))
    assert (0).to_bytes(4, "big") not in answered
    assert MOST.to_bytes(4, "big") in answered
