"""The custody RPCs over loopback gRPC with mutual TLS, driven by the other services' own kit.custody."""

import asyncio
import os

import pytest
from audit_purge.desk import OwnShares, from_wire
from audit_purge.domain.directory import MAX_KEYS_A_REQUEST
from audit_purge.metrics import Metrics
from audit_purge.rpc import CustodyService
from kit.custody import Custody, KeyGone, sealing_statement_message
from kit.custody_client import RpcShareSource
from kit.errors import Code, ShirushiError, Unavailable
from kit.rpc import call, channel, serve
from kit.telemetry import Telemetry
from shirushi.audit_purge.v1 import custody_pb2 as pb
from shirushi.audit_purge.v1.custody_pb2_grpc import CustodyServiceStub, add_CustodyServiceServicer_to_server
from shirushi.rights import RPC_CALLERS

from kit import crypto
from tests.support.identities import Identities


@pytest.fixture
def identities(tmp_path):
    return Identities(tmp_path / "pki")


@pytest.fixture
def telemetry():
    return Telemetry("audit-purge")


@pytest.fixture
async def port(identities, desk, telemetry):
    service = CustodyService(desk, Metrics(telemetry))
    server = serve(
        "127.0.0.1",
        0,
        identities.issue("audit-purge"),
        [lambda server: add_CustodyServiceServicer_to_server(service, server)],
        RPC_CALLERS,
    )
    await server.start()
    yield server.port
    await server.stop()


@pytest.fixture
async def channel_of(identities, port):
    channels = {}

    async def channel_of_(service):
        if service not in channels:
            channels[service] = channel(f"127.0.0.1:{port}", identities.issue(service), server_name="audit-purge")
            await channels[service].start()
        return channels[service]

    yield channel_of_
    for part in channels.values():
        await part.stop()


@pytest.fixture
def ask(channel_of):
    async def ask_(service, method, request):
        stub = (await channel_of(service)).stub(CustodyServiceStub)
        return await call(getattr(stub, method), request, 5.0)

    return ask_


@pytest.fixture
def custody_of(channel_of, hour, clock, signing_keys, signers, desk):
    """A service's real custody against this server; audit-purge's own goes without the wire."""

    async def custody_of_(service, *, receives=True, secret=None):
        source = (
            OwnShares(lambda: desk, service) if service == "audit-purge" else RpcShareSource(await channel_of(service))
        )
        return Custody(
            service=service,
            secret=secret or os.urandom(32),
            signing_key=signing_keys[service],
            signers=signers,
            hour=hour,
            clock=clock,
            source=source,
            receives=receives,
        )

    return custody_of_


def everything():
    return pb.GetSharesRequest(first_epoch=0, last_epoch=2**32 - 1)


async def test_a_service_gets_its_own_shares_of_the_open_epochs(ask, keeper):
    answer = await ask("gateway", "GetShares", everything())
    assert answer.chain_id == keeper.chain_id
    assert [share.epoch for share in answer.shares] == list(keeper.open_epochs())
    assert [share.share for share in answer.shares] == [held.share for held in keeper.shares("gateway", 0, 2**32 - 1)]
    assert [share.commitment for share in answer.shares] == [public.commitment for public in keeper.commitments()]


async def test_nobody_gets_another_s_shares_whatever_is_asked(ask):
    told = {
        service: {share.share for share in (await ask(service, "GetShares", everything())).shares}
        for service in ("gateway", "challenge", "verifier", "pseudonym")
    }
    assert sum(len(shares) for shares in told.values()) == len(set().union(*told.values()))


async def test_an_absurd_range_is_answered_with_the_window_only(ask, keeper):
    assert len((await ask("gateway", "GetShares", everything())).shares) == len(keeper.open_epochs())
    with pytest.raises(ShirushiError) as refused:
        await ask("gateway", "GetShares", pb.GetSharesRequest(first_epoch=2, last_epoch=1))
    assert refused.value.code is Code.INVALID_ARGUMENT


@pytest.mark.parametrize("method", ["GetShares", "PublishSealingKeys", "GetSealingKeys"])
async def test_audit_purge_s_own_certificate_opens_no_rpc(ask, method):
    """Its own shares never travel: whoever steals this certificate gets nothing here."""
    request = {"GetShares": pb.GetSharesRequest, "PublishSealingKeys": pb.PublishSealingKeysRequest}.get(
        method, pb.GetSealingKeysRequest
    )
    with pytest.raises(ShirushiError) as refused:
        await ask("audit-purge", method, request())
    assert refused.value.code is Code.PERMISSION_DENIED


async def test_challenge_receives_nothing_sealed_and_may_not_publish(ask):
    with pytest.raises(ShirushiError) as refused:
        await ask("challenge", "PublishSealingKeys", pb.PublishSealingKeysRequest())
    assert refused.value.code is Code.PERMISSION_DENIED


def statement(service, keeper, key, epoch=None, **changes):
    epoch = keeper.first_epoch if epoch is None else epoch
    fields = {"service": service, "epoch": epoch, "chain_id": keeper.chain_id, "public_key": bytes(1216)} | changes
    message = sealing_statement_message(fields["service"], fields["epoch"], fields["chain_id"], fields["public_key"])
    return pb.SealingKey(**({"signature": crypto.sign(key, message)} | fields))


async def test_sealing_keys_are_published_kept_and_found(ask, keeper, signing_keys, kept):
    key = statement("verifier", keeper, signing_keys["verifier"])
    for _ in range(2):
        await ask("verifier", "PublishSealingKeys", pb.PublishSealingKeysRequest(keys=[key]))
    assert len(kept.kept) == 1
    for asking in ("gateway", "challenge", "verifier"):
        found = await ask(asking, "GetSealingKeys", pb.GetSealingKeysRequest(service="verifier", last_epoch=2**32 - 1))
        assert list(found.keys) == [key]


async def test_no_service_publishes_for_another(ask, keeper, signing_keys, kept):
    key = statement("verifier", keeper, signing_keys["verifier"])
    with pytest.raises(ShirushiError) as refused:
        await ask("gateway", "PublishSealingKeys", pb.PublishSealingKeysRequest(keys=[key]))
    assert (refused.value.code, refused.value.reason) == (Code.PERMISSION_DENIED, "sealing_key_of_another")
    assert kept.kept == []


async def test_a_certificate_without_the_signing_key_publishes_nothing(ask, keeper, signing_keys, kept):
    key = statement("verifier", keeper, signing_keys["gateway"])
    with pytest.raises(ShirushiError) as refused:
        await ask("verifier", "PublishSealingKeys", pb.PublishSealingKeysRequest(keys=[key]))
    assert (refused.value.code, refused.value.reason) == (Code.PERMISSION_DENIED, "sealing_key_signature_invalid")
    assert kept.kept == []


async def test_too_many_keys_are_refused_before_they_are_looked_at(ask):
    keys = [pb.SealingKey()] * (MAX_KEYS_A_REQUEST + 1)
    with pytest.raises(ShirushiError) as refused:
        await ask("verifier", "PublishSealingKeys", pb.PublishSealingKeysRequest(keys=keys))
    assert refused.value.reason == "too_many_keys"


async def test_a_key_that_could_not_be_kept_is_published_again(ask, keeper, signing_keys, kept):
    key = pb.PublishSealingKeysRequest(keys=[statement("verifier", keeper, signing_keys["verifier"])])
    kept.away = True
    with pytest.raises(Unavailable):
        await ask("verifier", "PublishSealingKeys", key)
    kept.away = False
    await ask("verifier", "PublishSealingKeys", key)
    assert len(kept.kept) == 1


@pytest.mark.parametrize("ended_by", [asyncio.CancelledError, RuntimeError], ids=["the caller's deadline", "a defect"])
async def test_a_key_whose_storing_was_cut_off_is_stored_at_the_next_try(
    desk, keeper, signing_keys, kept, monkeypatch, ended_by
):
    async def cut_off(_):
        raise ended_by

    keys = [from_wire(statement("verifier", keeper, signing_keys["verifier"]))]
    with monkeypatch.context() as patch:
        patch.setattr(kept, "keep", cut_off)
        with pytest.raises(ended_by):
            await desk.publish("verifier", keys)
    assert desk.sealing_keys("verifier", keys[0].epoch, keys[0].epoch) == []
    await desk.publish("verifier", keys)
    assert kept.kept == keys


async def test_a_long_service_name_is_refused(ask):
    with pytest.raises(ShirushiError, match="too long"):
        await ask("gateway", "GetSealingKeys", pb.GetSealingKeysRequest(service="v" * 65))


async def test_a_replica_that_lost_the_registration_hands_nothing_out(ask, registration, registry):
    registry.taken = True
    await registration.renew()
    for method, request in (
        ("GetShares", everything()),
        ("PublishSealingKeys", pb.PublishSealingKeysRequest()),
        ("GetSealingKeys", pb.GetSealingKeysRequest(last_epoch=1)),
    ):
        with pytest.raises(Unavailable):
            await ask("verifier", method, request)


async def test_two_replicas_of_a_service_derive_the_same_keys_and_another_secret_others(custody_of, keeper):
    secret = os.urandom(32)
    one, two, other = [await custody_of("gateway", secret=given) for given in (secret, secret, None)]
    for custody in (one, two, other):
        await custody.refresh(whole=True)
        assert custody.ready
    epoch = keeper.first_epoch
    assert one.state_key(epoch) == two.state_key(epoch) != other.state_key(epoch)
    assert one.sealing_private(epoch).public_key == two.sealing_private(epoch).public_key


async def test_services_find_each_other_s_sealing_keys_and_audit_purge_s_own(custody_of, keeper):
    verifier, own, gateway = [await custody_of(service) for service in ("verifier", "audit-purge", "gateway")]
    for custody in (verifier, own, gateway):
        await custody.refresh(whole=True)
    epoch = keeper.first_epoch
    assert await gateway.sealing_public("verifier", epoch) == verifier.sealing_private(epoch).public_key
    assert await gateway.sealing_public("audit-purge", epoch) == own.sealing_private(epoch).public_key
    assert await own.sealing_public("gateway", epoch) == gateway.sealing_private(epoch).public_key


async def test_a_service_outlives_ten_minutes_without_audit_purge(
    custody_of, keeper, clock, hour, registry, registration
):
    gateway = await custody_of("gateway")
    await gateway.refresh(whole=True)
    registry.taken = True
    await registration.renew()
    clock.advance(600)
    with pytest.raises(Unavailable):
        await gateway.refresh()
    assert gateway.state_key(hour.epoch_of(clock.now()))


async def test_at_the_deadline_neither_side_has_the_key(custody_of, keeper, clock):
    gateway = await custody_of("gateway")
    await gateway.refresh(whole=True)
    epoch = keeper.first_epoch
    clock.advance(59.5 * 60)
    keeper.destroy_due()
    with pytest.raises(KeyGone):
        gateway.state_key(epoch)
    fresh = await custody_of("gateway")
    await fresh.refresh(whole=True)
    with pytest.raises(KeyGone):
        fresh.state_key(epoch)


async def test_figures_tell_how_many_shares_went_to_whom(ask, keeper, telemetry):
    await ask("gateway", "GetShares", everything())
    rendered = telemetry.render().decode()
    assert f'shirushi_audit_purge_shares_total{{service="gateway"}} {float(len(keeper.open_epochs()))}' in rendered
