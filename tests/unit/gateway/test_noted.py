"""What a process has noted is known to it for a minute."""

from gateway.domain.noted import LIFE_SECONDS, MOST, Noted


def test_what_was_noted_is_known():
    noted = Noted()
    noted.note(b"one")
    assert b"one" in noted
    assert b"two" not in noted


def test_a_note_can_be_taken_back():
    noted = Noted()
    noted.note(b"one")
    noted.forget(b"one")
    noted.forget(b"two")
    assert b"one" not in noted


def test_it_is_forgotten_after_a_minute():
    now = [0.0]
    noted = Noted(lambda: now[0])
    noted.note(b"one")
    now[0] = LIFE_SECONDS + 1
    noted.note(b"two")
    assert b"one" not in noted
    assert b"two" in noted


def test_no_more_is_kept_than_the_bound():
    noted = Noted()
    for number in range(MOST + 1):
        noted.note(number.to_bytes(4, "big"))
    assert (0).to_bytes(4, "big") not in noted
    assert MOST.to_bytes(4, "big") in noted
