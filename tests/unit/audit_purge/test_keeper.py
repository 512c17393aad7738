import hashlib

import pytest
from audit_purge.domain.keeper import MAX_EPOCHS_BEHIND, Chain, Keeper, oldest_open_epoch
from audit_purge.domain.ratchet import commitment_to, next_secret, share_of
from hypothesis import given, settings
from hypothesis import strategies as st
from kit.clock import FixedClock
from kit.errors import Code, ShirushiError
from kit.hour import CLOCK_BEHIND_MINUTES, Hour

T0 = 1_763_856_000.0
NOW = int(T0 // 60)
EVERY_EPOCH = (0, 2**32 - 1)


def shares(keeper, service="gateway", first=EVERY_EPOCH[0], last=EVERY_EPOCH[1]):
    return {share.epoch: share.share for share in keeper.shares(service, first, last)}


def test_a_new_chain_begins_at_the_current_epoch(keeper):
    assert keeper.is_new
    assert keeper.first_epoch == NOW
    assert keeper.open_epochs() == range(NOW, NOW + 16)


def test_the_window_reaches_from_the_oldest_open_epoch_to_fifteen_minutes_ahead(keeper, clock):
    clock.advance(3600 + 45)
    keeper.destroy_due()
    now = NOW + 60
    # At 60:45 the epoch of minute 1 is past its 59:30; the epoch of minute 2 is not.
    assert keeper.open_epochs() == range(now - 58, now + 16)


def test_an_epoch_is_open_until_its_deadline_and_not_at_it(keeper, clock, hour):
    clock.advance(hour.key_deadline(NOW) - T0 - 0.001)
    assert NOW in shares(keeper)
    clock.advance(0.001)
    assert NOW not in shares(keeper)


def test_a_past_deadline_shuts_an_epoch_also_before_its_secret_is_destroyed(keeper, clock):
    clock.advance(3600)
    assert NOW not in keeper.open_epochs()
    assert NOW not in shares(keeper)


def test_shares_are_derived_along_the_chain(keeper):
    secret = bytearray(b"\x02" * 32)  # the second draw of the test's randomness
    for epoch in range(NOW, NOW + 16):
        (share,) = keeper.shares("verifier", epoch, epoch)
        assert share.share == share_of(secret, "verifier")
        assert share.commitment == commitment_to(secret)
        secret = next_secret(secret)


def test_every_service_gets_other_shares_of_the_same_epochs(keeper):
    gateway, verifier = shares(keeper, "gateway"), shares(keeper, "verifier")
    assert gateway.keys() == verifier.keys()
    assert not set(gateway.values()) & set(verifier.values())


def test_asking_twice_gives_the_same(keeper):
    assert shares(keeper) == shares(keeper)


def test_only_the_asked_epochs_are_answered(keeper):
    assert list(shares(keeper, first=NOW + 3, last=NOW + 5)) == [NOW + 3, NOW + 4, NOW + 5]


@pytest.mark.parametrize(
    ("first", "last"),
    [(0, NOW - 1), (NOW + 16, NOW + 900), (2**32 - 1, 2**32 - 1)],
    ids=["before the window", "after the window", "the end of numbers"],
)
def test_epochs_outside_the_window_are_answered_with_nothing(keeper, first, last):
    assert shares(keeper, first=first, last=last) == {}


def test_reversed_epochs_are_refused(keeper):
    with pytest.raises(ShirushiError) as refused:
        keeper.shares("gateway", NOW + 1, NOW)
    assert refused.value.code is Code.INVALID_ARGUMENT


def test_shares_do_not_change_when_older_epochs_are_destroyed(keeper, clock):
    clock.advance(300)
    before = shares(keeper)
    clock.advance(3600)
    destroyed = keeper.destroy_due()
    assert [d.epoch for d in destroyed] == list(range(NOW, NOW + 6))
    after = shares(keeper)
    kept = before.keys() & after.keys()
    assert kept == set(range(NOW + 6, NOW + 21))
    assert all(before[epoch] == after[epoch] for epoch in kept)


def test_destroying_overwrites_the_secret_that_stood_there(keeper, clock):
    secret = keeper._chain.secret
    clock.advance(3600)
    keeper.destroy_due()
    assert secret == bytes(32)


def test_no_saved_state_opens_a_destroyed_epoch(keeper, clock, state):
    gone = shares(keeper)[NOW]
    clock.advance(3600)
    keeper.destroy_due()
    chain, _ = state.saved
    assert chain.epoch == NOW + 1
    secret = bytearray(chain.secret)
    for _ in range(200):
        assert share_of(secret, "gateway") != gone
        secret = next_secret(secret)


def test_destroying_tells_the_commitment_that_was_public_before(keeper, clock):
    public = {c.epoch: c.commitment for c in keeper.commitments()}
    clock.advance(3600 + 120)
    destroyed = keeper.destroy_due()
    assert destroyed
    assert all(d.commitment == public[d.epoch] for d in destroyed)
    assert all(d.chain_id == keeper.chain_id and d.destroyed_at == clock.now() for d in destroyed)


def test_nothing_is_destroyed_or_saved_before_a_deadline(keeper, clock, state):
    saves = state.saves
    clock.advance(3569)
    assert keeper.destroy_due() == []
    assert state.saves == saves


def test_a_clock_set_back_brings_no_epoch_back(keeper, clock, hour):
    clock.advance(3600)
    window = keeper.open_epochs()
    clock.advance(-hour.minutes(CLOCK_BEHIND_MINUTES))
    assert keeper.open_epochs() == window
    keeper.destroy_due()
    assert NOW not in shares(keeper)


def test_a_clock_set_back_far_ends_the_chain_and_begins_another(keeper, clock, elapsed, state, hour):
    clock.advance(3000)
    elapsed.advance(3000)
    before, chain_id, secret = shares(keeper), keeper.chain_id, keeper._chain.secret
    public = keeper.commitments()
    clock.advance(-hour.minutes(CLOCK_BEHIND_MINUTES) - 1)
    keeper.destroy_due()
    assert secret == bytes(32)
    assert keeper.chain_id != chain_id
    assert keeper.first_epoch == hour.epoch_of(clock.now())
    assert keeper.open_epochs() == range(keeper.first_epoch, keeper.first_epoch + 16)
    assert not set(shares(keeper).values()) & set(before.values())
    assert not {c.commitment for c in keeper.commitments()} & {c.commitment for c in public}
    assert (state.saved[0].chain_id, state.saved[0].secret) == (keeper.chain_id, keeper._chain.secret)
    # From here the clock counts as it stands.
    assert keeper.destroy_due() == []
    clock.advance(3600)
    elapsed.advance(3600)
    assert keeper.destroy_due()[0].epoch == keeper.first_epoch


@pytest.mark.parametrize("ahead", [20 * 60, 86_400], ids=["20 minutes", "a day"])
def test_a_clock_that_was_ahead_for_a_moment_disables_nothing(keeper, clock, elapsed, hour, ahead):
    given = shares(keeper)
    clock.advance(ahead)
    keeper.destroy_due()
    given |= shares(keeper)
    clock.advance(-ahead)
    keeper.destroy_due()
    now = shares(keeper)
    assert list(now) == list(range(NOW, NOW + 16))
    assert not set(now.values()) & set(given.values())
    clock.advance(3000)
    elapsed.advance(3000)
    keeper.destroy_due()
    assert shares(keeper).items() >= now.items()


def test_epochs_that_fell_due_by_the_wrong_clock_still_get_their_receipts(keeper, clock):
    chain_id = keeper.chain_id
    clock.advance(3600 + 60)
    keeper.destroy_due()
    clock.advance(-3600)
    assert keeper.destroy_due() == []
    assert [(gone.epoch, gone.chain_id) for gone in keeper.unreceipted] == [(NOW, chain_id), (NOW + 1, chain_id)]


def test_a_new_chain_that_could_not_be_saved_is_saved_later_and_the_old_one_gone(keeper, clock, state, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    clock.advance(-3600)
    with monkeypatch.context() as patch:
        patch.setattr(state, "save", full)
        with pytest.raises(OSError):
            keeper.destroy_due()
        assert state.load() is None
    keeper.destroy_due()
    assert state.load()[0].chain_id == keeper.chain_id


@pytest.mark.parametrize(("set_back", "dropped"), [(120, False), (600, True)])
def test_a_clock_set_back_before_a_restart_drops_the_chain_if_it_is_far(
    hour, clock, state, randomness, elapsed, keeper, set_back, dropped
):
    clock.t = hour.key_deadline(NOW + 5)
    keeper.destroy_due()
    clock.advance(-set_back)
    assert Keeper(hour, clock, state, randomness, elapsed.now).is_new == dropped


@pytest.mark.parametrize("set_back", [30, 120])
def test_a_clock_set_back_before_a_deadline_does_not_put_it_off(keeper, clock, elapsed, set_back):
    clock.advance(3000)
    elapsed.advance(3000)
    keeper.destroy_due()
    clock.advance(-set_back)
    for second in (568, 1):
        clock.advance(second)
        elapsed.advance(second)
        assert keeper.destroy_due() == []
        assert NOW in shares(keeper)
    assert keeper.seconds_to_deadline() == 1
    clock.advance(1)
    elapsed.advance(1)
    assert NOW not in shares(keeper)
    assert [destroyed.epoch for destroyed in keeper.destroy_due()] == [NOW]


def test_a_machine_that_slept_and_whose_clock_is_then_set_back_lengthens_nothing(keeper, clock, elapsed):
    clock.advance(3000)  # asleep: the other seconds stood still
    keeper.destroy_due()
    clock.advance(-120)
    clock.advance(570)
    elapsed.advance(570)
    assert NOW not in shares(keeper)
    assert [destroyed.epoch for destroyed in keeper.destroy_due()] == [NOW]


def test_a_restarted_keeper_goes_on_with_the_same_chain(hour, clock, state, randomness, elapsed, keeper):
    before = shares(keeper)
    clock.advance(60)
    again = Keeper(hour, clock, state, randomness, elapsed.now)
    assert not again.is_new
    assert again.chain_id == keeper.chain_id
    assert shares(again).items() >= before.items()


def test_a_keeper_that_was_away_destroys_what_fell_due_before_it_answers(
    hour, clock, state, randomness, elapsed, keeper
):
    clock.advance(3600 + 300)
    again = Keeper(hour, clock, state, randomness, elapsed.now)
    assert [d.epoch for d in again.unreceipted] == list(range(NOW, NOW + 6))
    assert state.saved[0].epoch == NOW + 6


def test_a_lost_state_begins_a_new_chain_with_a_new_id(hour, clock, state, randomness, elapsed, keeper):
    clock.advance(600)
    lost = shares(keeper)
    state.saved = None
    again = Keeper(hour, clock, state, randomness, elapsed.now)
    assert again.is_new
    assert again.chain_id != keeper.chain_id
    assert again.first_epoch == NOW + 10
    assert min(shares(again)) == NOW + 10
    assert not set(shares(again).values()) & set(lost.values())


@pytest.mark.parametrize("moved", [(MAX_EPOCHS_BEHIND + 62) * 60, -120])
def test_a_chain_that_stands_far_from_now_is_dropped(hour, clock, state, randomness, elapsed, keeper, moved):
    clock.advance(moved)
    again = Keeper(hour, clock, state, randomness, elapsed.now)
    assert again.is_new
    assert again.chain_id != keeper.chain_id


def test_another_length_of_the_hour_drops_the_chain_instead_of_walking_to_it(clock, state, randomness, elapsed, keeper):
    again = Keeper(Hour(120.0), clock, state, randomness, elapsed.now)
    assert again.is_new
    assert again.first_epoch == int(T0 // 2)


def test_a_destroyed_epoch_waits_for_its_receipt_over_restarts(hour, clock, state, randomness, elapsed, keeper):
    clock.advance(3600 + 60)
    first, second = keeper.destroy_due()
    keeper.receipted(first)
    again = Keeper(hour, clock, state, randomness, elapsed.now)
    assert again.unreceipted == (second,)
    again.receipted(second)
    assert Keeper(hour, clock, state, randomness, elapsed.now).unreceipted == ()


def test_what_is_due_is_gone_everywhere_even_when_saving_fails(keeper, clock, state, monkeypatch):
    secret = keeper._chain.secret

    def full(*_):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(state, "save", full)
        clock.advance(3600)
        with pytest.raises(OSError):
            keeper.destroy_due()
        assert secret == bytes(32)
        assert NOW not in shares(keeper)
        # The saved chain stood at the destroyed epoch.
        assert state.load() is None
        with pytest.raises(OSError):
            keeper.destroy_due()
    assert [gone.epoch for gone in keeper.unreceipted] == [NOW]
    keeper.destroy_due()
    chain, unreceipted = state.load()
    assert chain.epoch == NOW + 1
    assert tuple(unreceipted) == keeper.unreceipted


def test_no_repr_shows_a_secret(keeper):
    (share,) = keeper.shares("gateway", NOW, NOW)
    shown = repr(share) + repr(keeper) + repr(keeper._chain)
    assert repr(share.share) not in shown
    assert "\\x02\\x02" not in shown


@pytest.mark.parametrize(
    "fields",
    [(b"x" * 15, 1, 1, 32), (b"x" * 16, 1, 1, 31), (b"x" * 16, 5, 4, 32), (b"x" * 16, -1, 4, 32)],
)
def test_a_chain_that_cannot_be_one_is_refused(fields):
    chain_id, first, epoch, size = fields
    with pytest.raises(ValueError):
        Chain(chain_id, first, epoch, bytearray(size))


@settings(max_examples=60, deadline=None)
@given(
    steps=st.lists(st.floats(min_value=0, max_value=400), min_size=1, max_size=30),
    seconds=st.sampled_from([120.0, 3600.0]),
)
def test_however_time_goes_what_is_open_is_what_has_a_deadline_ahead(steps, seconds):
    from tests.unit.audit_purge.conftest import RememberedState, counting_randomness

    hour, clock, state = Hour(seconds), FixedClock(T0), RememberedState()
    keeper = Keeper(hour, clock, state, counting_randomness(), lambda: 0.0)
    seen: dict[int, bytes] = {}
    for step in steps:
        clock.advance(step * seconds / 3600)
        keeper.destroy_due()
        answered = shares(keeper)
        assert all(hour.key_deadline(epoch) > clock.now() for epoch in answered)
        assert hour.epoch_of(clock.now()) in answered
        assert all(seen.setdefault(epoch, share) == share for epoch, share in answered.items())
        assert state.saved[0].epoch == min(answered) == keeper._chain.epoch


@given(now=st.floats(min_value=0, max_value=4e9), seconds=st.sampled_from([120.0, 3600.0]))
def test_the_oldest_open_epoch_is_the_first_with_its_deadline_ahead(now, seconds):
    hour = Hour(seconds)
    oldest = oldest_open_epoch(hour, now)
    assert hour.key_deadline(oldest) > now
    assert oldest == 0 or hour.key_deadline(oldest - 1) <= now


def test_commitments_are_public_and_of_the_design_s_form(keeper):
    assert [c.epoch for c in keeper.commitments()] == list(keeper.open_epochs())
    assert all(len(c.commitment) == hashlib.sha256().digest_size for c in keeper.commitments())


def test_commitments_stay_the_same_while_time_goes(keeper, clock):
    seen = {}
    for _ in range(70):
        clock.advance(47)
        keeper.destroy_due()
        for public in keeper.commitments():
            assert seen.setdefault(public.epoch, public.commitment) == public.commitment
        assert {s.epoch: s.commitment for s in keeper.shares("gateway", *EVERY_EPOCH)} == {
            c.epoch: c.commitment for c in keeper.commitments()
        }
