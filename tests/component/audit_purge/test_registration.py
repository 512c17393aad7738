import asyncio
import secrets

import pytest
from audit_purge.domain.keeper import Keeper
from audit_purge.registration import Registration
from kit.clock import FixedClock
from kit.errors import Unavailable
from kit.management import Health

from tests.component.audit_purge.conftest import RememberedState


def missing(health):
    return health.missing().get("registration", "")


async def test_a_keeper_registers_its_chain_before_it_is_one(keeper, registry, health):
    part = Registration(keeper, registry, health, lease_seconds=30.0)
    assert not part.is_keeper()
    assert missing(health)
    await part.start()
    assert part.is_keeper()
    assert not missing(health)
    ((chain_id, first_epoch, public),) = registry.registered
    assert (chain_id, first_epoch) == (keeper.chain_id, keeper.first_epoch)
    assert public == keeper.commitments()[0]
    await part.stop()


@pytest.mark.parametrize("fault", ["taken", "away"])
async def test_a_keeper_that_cannot_register_waits(keeper, registry, health, fault):
    setattr(registry, fault, True)
    part = Registration(keeper, registry, health, lease_seconds=30.0)
    with pytest.raises(Unavailable):
        await part.start()
    assert not part.is_keeper()
    assert missing(health)


async def test_a_keeper_whose_chain_was_replaced_stops_being_one_until_it_is_renewed(registration, registry, health):
    registry.taken = True
    await registration.renew()
    assert not registration.is_keeper()
    assert missing(health)
    registry.taken = False
    await registration.renew()
    assert registration.is_keeper()


async def test_a_keeper_works_on_while_the_database_is_away(registration, registry):
    registry.away = True
    await registration.renew()
    assert registration.is_keeper()


async def test_a_keeper_whose_lease_has_ended_unrenewed_hands_nothing_out(keeper, registry, health):
    now = [0.0]
    part = Registration(keeper, registry, health, lease_seconds=30.0, monotonic=lambda: now[0])
    await part.start()
    registry.away = True
    now[0] = 29.0
    await part.renew()
    assert part.is_keeper()
    now[0] = 30.0
    await part.renew()
    assert not part.is_keeper()
    assert missing(health)
    registry.away = False
    await part.renew()
    assert part.is_keeper()
    await part.stop()


async def test_an_error_that_nobody_foresaw_does_not_end_the_renewing(registration, registry, monkeypatch):
    rounds, again = [], asyncio.Event()

    def breaks():
        rounds.append("round")
        if len(rounds) > 2:
            again.set()
        raise RuntimeError

    monkeypatch.setattr("audit_purge.registration.RENEW_SECONDS", 0)
    monkeypatch.setattr(registry, "check", breaks)
    renewing = asyncio.create_task(registration._renew_forever())
    async with asyncio.timeout(5):
        await again.wait()
    assert not renewing.done()
    renewing.cancel()


async def test_a_chain_that_the_keeper_began_anew_is_registered_before_a_share_of_it_is_given(
    keeper, registration, registry, health, clock
):
    clock.advance(-3600)
    keeper.destroy_due()
    assert not registration.is_keeper()
    registry.away = True
    await registration.renew()
    assert not registration.is_keeper()
    assert missing(health)
    registry.away = False
    await registration.renew()
    assert registration.is_keeper()
    assert not missing(health)
    assert registry.registered[-1] == (keeper.chain_id, keeper.first_epoch, keeper.commitments()[0])


@pytest.fixture
def elapsed(registry):
    """The seconds that both keepers and the registry go by."""
    elapsed = FixedClock(0.0)
    registry.now = elapsed.now
    return elapsed


@pytest.fixture
async def make_keeper(hour, clock, registry, elapsed):
    """Makes keepers, each with a chain of its own, under different instance names or the same."""
    parts = []

    def make(instance):
        keeper = Keeper(hour, clock, RememberedState(), secrets.token_bytes)
        seen = registry.as_seen_by(instance)
        parts.append(Registration(keeper, seen, Health(), lease_seconds=30.0, monotonic=elapsed.now))
        return parts[-1]

    yield make
    for part in parts:
        await part.stop()


async def test_a_keeper_that_stood_still_beyond_its_lease_is_none_when_it_wakes(make_keeper, elapsed):
    one, two = make_keeper("one"), make_keeper("two")
    await one.start()
    elapsed.advance(40)
    await two.start()
    assert two.is_keeper()
    assert not one.is_keeper()


@pytest.mark.parametrize("name_of_the_other", ["two", "one"])
async def test_a_superseded_keeper_comes_back_with_its_chain_when_the_other_has_died(
    make_keeper, registry, elapsed, name_of_the_other
):
    one, two = make_keeper("one"), make_keeper(name_of_the_other)
    await one.start()
    elapsed.advance(40)
    await two.start()
    for _ in range(6):
        elapsed.advance(10)
        await one.renew()
        await two.renew()
        assert two.is_keeper()
        assert not one.is_keeper()
    for _ in range(3):
        assert not one.is_keeper()
        assert missing(one._health)
        elapsed.advance(10)
        await one.renew()
    assert one.is_keeper()
    assert not missing(one._health)
    assert registry.current[1] == one._keeper.chain_id
    # The other was only paused: it is not the keeper any more and does not take the registration back.
    assert not two.is_keeper()
    await two.renew()
    await one.renew()
    assert one.is_keeper()
    assert not two.is_keeper()
