"""Who waits for a server asks again soon, then slower, and not for ever."""

import asyncio

import pytest
from sandbox.patience import Away, patiently

from sandbox import patience


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    """Time that goes by only while somebody pauses."""
    passed = 0.0
    loop_time = asyncio.BaseEventLoop.time

    async def sleep(seconds):
        nonlocal passed
        passed += seconds

    monkeypatch.setattr(patience.asyncio, "sleep", sleep)
    monkeypatch.setattr(asyncio.BaseEventLoop, "time", lambda loop: loop_time(loop) + passed)


def attempts(*answers):
    """Answers in turn, the last one for ever; counts."""
    asked = []

    async def attempt():
        answer = answers[min(len(asked), len(answers) - 1)]
        asked.append(answer)
        if isinstance(answer, Exception):
            raise answer
        return answer

    return attempt, asked


async def test_what_is_there_is_asked_once():
    attempt, asked = attempts("answer")
    assert await patiently(attempt) == "answer"
    assert len(asked) == 1


async def test_who_is_away_is_asked_until_back():
    attempt, asked = attempts(Away(), Away(), "answer")
    assert await patiently(attempt) == "answer"
    assert len(asked) == 3


async def test_what_is_no_answer_is_asked_again():
    attempt, asked = attempts("later", "later", "answer")
    assert await patiently(attempt, lambda said: said != "later") == "answer"
    assert len(asked) == 3


async def test_patience_ends():
    attempt, asked = attempts(Away())
    with pytest.raises(Away):
        await patiently(attempt)
    assert 10 < len(asked) < 40
    attempt, asked = attempts("later")
    assert await patiently(attempt, lambda said: said != "later") == "later"
    assert 10 < len(asked) < 40


async def test_another_fault_is_not_waited_for():
    attempt, asked = attempts(ValueError("broken"))
    with pytest.raises(ValueError, match="broken"):
        await patiently(attempt)
    assert len(asked) == 1
