"""Challenges survive the store as they were, in every state, and change by compare-and-set only."""

import pytest
from challenge.domain.challenge import Answer, CancelReason, Challenge, Claim, State
from challenge.domain.dispatch import ChangedMeanwhileError
from challenge.domain.network_hint import NetworkHint
from challenge.domain.refusals import Refusal, Refused
from challenge.domain.token import Transport
from challenge.store import SealedChallenges
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.component.challenge.conftest import T0

EPOCH = int(T0 // 60)
octets = st.binary(max_size=40)
claims = st.builds(
    Claim, st.sampled_from(Transport), octets, octets, octets, st.sampled_from(NetworkHint), st.floats(0, 2e9)
)
challenges = st.builds(
    Challenge,
    handle=st.binary(min_size=16, max_size=16),
    login_id=octets,
    epoch=st.just(EPOCH),
    expires_at=st.integers(0, 2**40),
    verdict_due_at=st.integers(0, 2**40),
    state=st.sampled_from(State),
    sheets=st.dictionaries(st.sampled_from(Transport), octets),
    network_digest=octets,
    claim=st.none() | claims,
    answer=st.none() | st.builds(Answer, octets, st.floats(0, 2e9)),
    cancel_reason=st.none() | st.sampled_from(CancelReason),
    notice=octets,
)


def sealed(service):
    return SealedChallenges(service.collection, clock=service.clock, hour=service.deployment.hour)


@given(before=challenges, after=challenges)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60, deadline=None)
async def test_what_is_stored_is_read(service, before, after):
    service.collection.rows.clear()
    store = sealed(service)
    assert await store.add(before, T0 + 60)
    assert not await store.add(before, T0 + 60)
    stored = await store.find(before.handle)
    assert stored.challenge == before
    moved = await store.replace(stored, after, T0 + 120)
    assert moved.challenge == after
    found = await store.find(before.handle)
    assert (found.challenge, found.version) == (after, moved.version)
    with pytest.raises(ChangedMeanwhileError):
        await store.replace(stored, after, T0 + 120)


async def test_what_is_not_there_is_not_found(service):
    assert await sealed(service).find(b"?" * 16) is None


async def test_the_death_of_a_key_is_an_expired_challenge(service):
    await service.issue()
    store = sealed(service)
    [handle] = service.collection.rows
    stored = await store.find(handle)
    kept = await store.replace(stored, stored.challenge, T0 + 7200)
    service.clock.advance(3600)
    for attempt in (
        store.find(handle),
        store.replace(kept, kept.challenge, T0 + 7200),
        store.add(kept.challenge, T0 + 7200),
    ):
        with pytest.raises(Refused) as caught:
            await attempt
        assert caught.value.refusal is Refusal.CHALLENGE_EXPIRED


async def test_what_was_written_here_is_recalled_once_and_not_for_long(service):
    store = sealed(service)
    await service.issue()
    [handle] = service.collection.rows
    assert store.recall(handle) is None  # another replica wrote it
    kept = await store.replace(await store.find(handle), (await store.find(handle)).challenge, T0 + 60)
    assert store.recall(handle) == kept
    assert store.recall(handle) is None
    kept = await store.replace(kept, kept.challenge, T0 + 60)
    service.clock.advance(61)
    store.forget()
    assert store.recall(handle) is None
