"""Keys of two halves: when they are there, when they are gone, and whose they are."""

import asyncio
import os
import time

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from kit.clock import FixedClock
from kit.custody import AHEAD_EPOCHS, MISSING_PEER_SECONDS, Custody, KeyGone, Shares
from kit.errors import Unavailable
from kit.hour import CLOCK_BEHIND_MINUTES, Hour
from kit.testing.fake_custody import FakeDeployment, FakeShareSource
from structlog.testing import capture_logs

START = 1_800_000_000.0


@pytest.fixture
def clock() -> FixedClock:
    return FixedClock(START)


@pytest.fixture
async def deployment(clock: FixedClock) -> FakeDeployment:
    return await FakeDeployment(clock=clock).start()


def epoch_of(deployment: FakeDeployment) -> int:
    return deployment.hour.epoch_of(deployment.clock.now())


def fresh(deployment: FakeDeployment, service: str, **changes) -> Custody:
    """Another process of a service: same secret unless changed, same share source."""
    old = deployment.custodies[service]
    arguments = {
        "service": service,
        "secret": old._secret,
        "signing_key": deployment.signing_keys[service],
        "signers": deployment.signers,
        "hour": deployment.hour,
        "clock": deployment.clock,
        "source": deployment.keeper.source(service),
        "receives": True,
        "monotonic": lambda: 0.0,
    }
    return Custody(**(arguments | changes))


async def test_every_process_of_a_service_has_the_same_keys(deployment: FakeDeployment) -> None:
    other = fresh(deployment, "gateway")
    await other.refresh(whole=True)
    epoch = epoch_of(deployment)
    mine = deployment.custodies["gateway"]
    assert other.state_key(epoch) == mine.state_key(epoch)
    assert other.token_key(epoch) == mine.token_key(epoch)
    assert other.sealing_private(epoch).public_key == mine.sealing_private(epoch).public_key


async def test_keys_differ_by_service_epoch_and_use(deployment: FakeDeployment) -> None:
    epoch = epoch_of(deployment)
    keys = [
        key
        for custody in deployment.custodies.values()
        for e in (epoch, epoch + 1)
        for key in (custody.state_key(e), custody.token_key(e))
    ]
    assert len(set(keys)) == len(keys) == 20


async def test_the_share_alone_gives_nothing(deployment: FakeDeployment) -> None:
    thief = fresh(deployment, "gateway", secret=os.urandom(32))
    await thief.refresh(whole=True)
    epoch = epoch_of(deployment)
    assert thief.state_key(epoch) != deployment.custodies["gateway"].state_key(epoch)


async def test_keys_are_there_a_quarter_of_an_hour_ahead_and_no_longer(deployment: FakeDeployment) -> None:
    custody = deployment.custodies["verifier"]
    custody.state_key(epoch_of(deployment) + AHEAD_EPOCHS)
    with pytest.raises(Unavailable):
        custody.state_key(epoch_of(deployment) + AHEAD_EPOCHS + 1)


async def test_a_key_is_gone_at_its_deadline_at_the_next_use(deployment: FakeDeployment, clock: FixedClock) -> None:
    custody, epoch = deployment.custodies["verifier"], epoch_of(deployment)
    clock.t = deployment.hour.key_deadline(epoch) - 0.001
    custody.state_key(epoch)
    clock.t = deployment.hour.key_deadline(epoch)
    for use in (custody.state_key, custody.token_key, custody.sealing_private):
        with pytest.raises(KeyGone):
            use(epoch)
    assert epoch not in custody._keys


async def test_a_clock_that_is_set_back_does_not_bring_a_key_back(
    deployment: FakeDeployment, clock: FixedClock
) -> None:
    elapsed = FixedClock(0.0)
    custody = fresh(deployment, "verifier", monotonic=elapsed.now)
    await custody.refresh(whole=True)
    epoch = epoch_of(deployment)
    elapsed.t = deployment.hour.key_deadline(epoch) - START
    clock.t = START + elapsed.t - deployment.hour.minutes(CLOCK_BEHIND_MINUTES)
    with pytest.raises(KeyGone):
        custody.state_key(epoch)
    await custody.refresh(whole=True)
    with pytest.raises(KeyGone):
        custody.state_key(epoch)


async def test_a_clock_set_back_far_drops_every_key_until_the_keeper_s_time_agrees(deployment: FakeDeployment) -> None:
    clock, elapsed, keepers = FixedClock(START), FixedClock(0.0), deployment.clock
    custody = fresh(deployment, "gateway", clock=clock, monotonic=elapsed.now)
    await custody.refresh(whole=True)
    await custody.sealing_public("verifier", epoch_of(deployment))
    epoch = epoch_of(deployment)
    keepers.t = START + 600
    elapsed.t = 600
    clock.t = START + 600 - deployment.hour.minutes(CLOCK_BEHIND_MINUTES) - 1
    with capture_logs() as logs, pytest.raises(Unavailable):
        custody.state_key(epoch)
    assert [line["event"] for line in logs] == ["keys_dropped"]
    assert not custody._keys
    assert not custody._peers
    # They would come back, and stay for as long as the clock is behind.
    for _ in range(2):
        with pytest.raises(Unavailable) as refused:
            await custody.refresh()
        assert refused.value.reason == "clock_in_doubt"
        assert not custody._keys
        assert not custody.ready
    clock.t = START + 600
    await custody.refresh()
    assert custody.ready
    assert min(custody._keys) == epoch + 10 - 59


@pytest.mark.parametrize("ahead", [20, 120], ids=["20 minutes", "2 hours"])
async def test_a_replica_that_started_with_a_fast_clock_works_when_it_is_corrected(
    deployment: FakeDeployment, ahead: int
) -> None:
    clock, elapsed = FixedClock(START + ahead * 60), FixedClock(0.0)
    custody = fresh(deployment, "verifier", clock=clock, monotonic=elapsed.now)
    await custody.refresh(whole=True)
    assert not custody.ready
    clock.t = START
    await custody.refresh(whole=True)
    assert custody.ready
    epoch = epoch_of(deployment)
    assert sorted(custody._keys) == list(range(epoch - 59, epoch + AHEAD_EPOCHS + 1))
    for second in (59 * 60, 29.9):
        clock.advance(second)
        elapsed.advance(second)
        custody.state_key(epoch)
    clock.advance(0.1)
    elapsed.advance(0.1)
    with pytest.raises(KeyGone):
        custody.state_key(epoch)


async def test_shares_that_were_on_their_way_when_the_clock_was_set_are_not_taken(
    deployment: FakeDeployment,
) -> None:
    clock = FixedClock(START + 1200)

    class Late(FakeShareSource):
        corrected = False

        async def shares(self, first_epoch: int, last_epoch: int) -> Shares:
            answer = await super().shares(first_epoch, last_epoch)
            if self.corrected:
                clock.t = START
            return answer

    source = Late(deployment.keeper, "gateway")
    custody = fresh(deployment, "gateway", clock=clock, source=source)
    await custody.refresh(whole=True)
    source.corrected = True
    with pytest.raises(Unavailable):
        await custody.refresh()
    assert not custody._keys
    # The question was for the hour of the wrong clock; the next one is for the right one's.
    await custody.refresh()
    assert min(custody._keys) == epoch_of(deployment) - 59


async def test_keys_that_were_dropped_for_the_clock_are_fetched_again_at_once(deployment: FakeDeployment) -> None:
    clock = FixedClock(START + 1200)
    deployment.clock.t = START + 1200
    custody = fresh(deployment, "gateway", clock=clock)
    await custody.start()
    try:
        deployment.clock.t = clock.t = START
        with pytest.raises(Unavailable):
            custody.state_key(epoch_of(deployment))
        async with asyncio.timeout(5):
            while not custody.ready:
                await asyncio.sleep(0.01)
    finally:
        await custody.stop()


async def test_keys_are_dropped_by_themselves_while_the_keeper_hangs() -> None:
    # With an hour this short the epochs of today no longer fit their 32 bits, so it is the year 1970.
    class Early:
        def now(self) -> float:
            return time.time() - 1_700_000_000

    deployment = await FakeDeployment(Hour(3.0), Early()).start()

    class Hanging(FakeShareSource):
        hangs = False

        async def shares(self, first_epoch: int, last_epoch: int) -> Shares:
            if self.hangs:
                await asyncio.sleep(3600)
            return await super().shares(first_epoch, last_epoch)

    source = Hanging(deployment.keeper, "verifier")
    custody = fresh(deployment, "verifier", source=source, monotonic=time.monotonic)
    await custody.start()
    source.hangs = True
    try:
        held = set(custody._keys)
        async with asyncio.timeout(10):
            while custody._keys:
                await asyncio.sleep(0.02)
                late = [e for e in custody._keys if deployment.hour.key_deadline(e) < deployment.clock.now() - 0.5]
                assert late == []
        assert held
    finally:
        await custody.stop()


async def test_a_service_works_ten_minutes_without_the_keeper(deployment: FakeDeployment, clock: FixedClock) -> None:
    gateway = deployment.custodies["gateway"]
    await gateway.sealing_public("audit-purge", epoch_of(deployment))
    deployment.keeper.away = True
    for _ in range(10):
        clock.advance(60)
        with pytest.raises(Unavailable):
            await gateway.refresh()
        gateway.state_key(epoch_of(deployment))
        await gateway.sealing_public("audit-purge", epoch_of(deployment))
        assert gateway.ready


async def test_without_the_keeper_for_longer_it_is_not_ready(deployment: FakeDeployment, clock: FixedClock) -> None:
    deployment.keeper.away = True
    clock.advance((AHEAD_EPOCHS + 1) * 60)
    assert not deployment.custodies["gateway"].ready


async def test_a_start_without_the_keeper_is_unavailable(deployment: FakeDeployment) -> None:
    deployment.keeper.away = True
    with pytest.raises(Unavailable):
        await fresh(deployment, "gateway").start()


async def test_a_receiver_is_ready_only_when_its_key_is_published(deployment: FakeDeployment) -> None:
    class Mute(FakeShareSource):
        async def publish(self, keys) -> None:
            raise Unavailable

    custody = fresh(deployment, "verifier", source=Mute(deployment.keeper, "verifier"))
    with pytest.raises(Unavailable):
        await custody.refresh(whole=True)
    assert not custody.ready
    custody.state_key(epoch_of(deployment))


async def test_keys_are_published_for_the_open_window_and_never_for_the_past(deployment: FakeDeployment) -> None:
    now = epoch_of(deployment)
    published = {epoch for service, epoch in deployment.keeper._directory if service == "verifier"}
    assert published == set(range(now, now + AHEAD_EPOCHS + 1))
    assert not any(service == "challenge" for service, _ in deployment.keeper._directory)


async def test_a_peers_key_that_it_did_not_sign_is_refused(deployment: FakeDeployment) -> None:
    epoch = epoch_of(deployment)
    forged = deployment.keeper._directory["verifier", epoch]
    forged.signature = Ed25519PrivateKey.generate().sign(b"x")
    with pytest.raises(Unavailable):
        await deployment.custodies["challenge"].sealing_public("verifier", epoch)


async def test_a_peers_key_of_another_epoch_or_service_is_not_taken_for_it(deployment: FakeDeployment) -> None:
    epoch = epoch_of(deployment)
    directory = deployment.keeper._directory
    directory["verifier", epoch] = directory["verifier", epoch + 1]
    directory["gateway", epoch] = directory["audit-purge", epoch]
    challenge = deployment.custodies["challenge"]
    for service in ("verifier", "gateway"):
        with pytest.raises(Unavailable):
            await challenge.sealing_public(service, epoch)


async def test_a_statement_is_handed_on_as_the_peer_signed_it(deployment: FakeDeployment) -> None:
    epoch = epoch_of(deployment)
    statement = await deployment.custodies["challenge"].sealing_statement("verifier", epoch)
    assert statement == deployment.keeper._directory["verifier", epoch]
    assert statement.public_key == deployment.custodies["verifier"].sealing_private(epoch).public_key


async def test_a_new_chain_voids_the_keys_of_the_same_epochs_and_the_peers(deployment: FakeDeployment) -> None:
    epoch = epoch_of(deployment)
    gateway = deployment.custodies["gateway"]
    await gateway.sealing_public("audit-purge", epoch)
    old = gateway.state_key(epoch), await gateway.sealing_public("audit-purge", epoch)
    deployment.keeper.chain_id = os.urandom(16)
    deployment.keeper._root = os.urandom(32)
    await deployment.custodies["audit-purge"].refresh()
    await gateway.refresh()
    new = gateway.state_key(epoch), await gateway.sealing_public("audit-purge", epoch)
    assert old[0] != new[0]
    assert old[1] != new[1]
    assert gateway.ready


async def test_many_who_wait_for_a_missing_key_ask_once(deployment: FakeDeployment) -> None:
    epoch = epoch_of(deployment)
    del deployment.keeper._directory["verifier", epoch]
    asked = []

    class Counting(FakeShareSource):
        async def sealing_keys(self, service: str, first_epoch: int, last_epoch: int):
            asked.append(service)
            return await super().sealing_keys(service, first_epoch, last_epoch)

    custody = fresh(deployment, "challenge", source=Counting(deployment.keeper, "challenge"), receives=False)
    await custody.refresh(whole=True)
    outcomes = await asyncio.gather(
        *(custody.sealing_public("verifier", epoch) for _ in range(50)), return_exceptions=True
    )
    assert all(isinstance(outcome, Unavailable) for outcome in outcomes)
    assert asked == ["verifier"]


async def test_many_who_wait_while_the_keeper_hangs_wait_for_one_time_out(deployment: FakeDeployment) -> None:
    epoch = epoch_of(deployment)
    elapsed = [0.0]
    asked = []

    class Hanging(FakeShareSource):
        async def sealing_keys(self, service: str, first_epoch: int, last_epoch: int):
            asked.append((first_epoch, last_epoch))
            await asyncio.sleep(0)
            # The bound of the call, longer than callers are refused afterwards.
            elapsed[0] += 5.0
            raise Unavailable

    source = Hanging(deployment.keeper, "challenge")
    custody = fresh(deployment, "challenge", source=source, receives=False, monotonic=lambda: elapsed[0])
    await custody.refresh(whole=True)
    # The next minute's callers are behind the same fetch, which asked for theirs too.
    epochs = [epoch] * 5 + [epoch + 1] * 5
    outcomes = await asyncio.gather(*(custody.sealing_public("verifier", e) for e in epochs), return_exceptions=True)
    assert all(isinstance(outcome, Unavailable) for outcome in outcomes)
    assert asked == [(epoch, epoch + AHEAD_EPOCHS)]
    elapsed[0] += MISSING_PEER_SECONDS
    with pytest.raises(Unavailable):
        await custody.sealing_public("verifier", epoch)
    assert len(asked) == 2


async def test_stopping_forgets_every_key(deployment: FakeDeployment) -> None:
    custody = fresh(deployment, "verifier")
    await custody.start()
    await custody.stop()
    assert not custody._keys
    assert not custody._peers


async def test_after_a_long_absence_the_epochs_between_are_asked_for_too(
    deployment: FakeDeployment, clock: FixedClock
) -> None:
    gateway, began = deployment.custodies["gateway"], epoch_of(deployment)
    deployment.keeper.away = True
    clock.advance(20 * 60)
    with pytest.raises(Unavailable):
        await gateway.refresh()
    deployment.keeper.away = False
    await gateway.refresh()
    for epoch in range(began, epoch_of(deployment) + AHEAD_EPOCHS + 1):
        assert gateway.state_key(epoch)
