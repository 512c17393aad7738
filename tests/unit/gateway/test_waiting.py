"""Waiting browsers, their replica's own echo, and what a replica has read a moment ago."""

import pytest
from gateway.domain.login import State
from gateway.domain.ports import Stored
from gateway.facts import PublishedFacts
from gateway.recent import RecentLogins
from gateway.waiting import Progress, WaitingBrowsers
from kit.errors import Unavailable

LOGIN, OTHER = b"L" * 16, b"M" * 16


def stored(login_id=LOGIN, version=1):
    return Stored(login_id, 7, State.WAITING, None, version, None)


def test_only_who_waits_for_a_login_is_woken():
    waiting = WaitingBrowsers()
    mine, others = waiting.enter(LOGIN), waiting.enter(OTHER)
    waiting.wake(LOGIN)
    assert (mine.is_set(), others.is_set()) == (True, False)
    waiting.leave(LOGIN, mine)
    waiting.leave(LOGIN, mine)
    waiting.wake(LOGIN)
    waiting.leave(OTHER, others)
    assert not waiting._waiting


def test_progress_is_remembered_and_wakes_who_waits_for_it():
    waiting = WaitingBrowsers()
    mine = waiting.enter(LOGIN)
    waiting.heard(LOGIN, Progress.CLAIMED)
    assert mine.is_set()
    assert waiting.progress(LOGIN) is Progress.CLAIMED
    assert waiting.progress(OTHER) is Progress.ASKED


class Publisher:
    """A bus that is there or not."""

    def __init__(self):
        self.away = False

    async def publish(self, *_):
        if self.away:
            raise Unavailable


async def test_a_replica_knows_its_own_echo_once():
    waiting, publisher = WaitingBrowsers(), Publisher()
    await PublishedFacts(publisher, waiting).progressed(stored())
    assert [waiting.is_echo(LOGIN), waiting.is_echo(LOGIN)] == [True, False]


async def test_what_could_not_be_published_has_no_echo():
    waiting, publisher = WaitingBrowsers(), Publisher()
    publisher.away = True
    with pytest.raises(Unavailable):
        await PublishedFacts(publisher, waiting).progressed(stored())
    assert not waiting.is_echo(LOGIN)


async def test_a_login_without_an_outcome_is_not_concluded():
    with pytest.raises((ValueError, AttributeError)):
        await PublishedFacts(Publisher(), WaitingBrowsers()).concluded(stored())


def test_what_was_read_is_known_for_a_moment_only():
    now = [0.0]
    recent = RecentLogins(lambda: now[0], life=2.0)
    recent.keep(stored())
    recent.keep(stored(OTHER))
    now[0] = 2.0
    assert recent.get(LOGIN) is not None
    recent.keep(stored(LOGIN, 2))
    now[0] = 2.1
    assert recent.get(LOGIN).version == 2
    assert recent.get(OTHER) is None
    recent.forget_old()
    assert list(recent._held) == [LOGIN]
    recent.forget(LOGIN)
    recent.forget(LOGIN)
    assert not recent._held
