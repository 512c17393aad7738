import pytest
from audit_purge.registration import Registration
from kit.errors import Unavailable


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
