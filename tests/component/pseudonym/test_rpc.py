"""DeriveSub over loopback gRPC with mutual TLS, the rights table, real envelopes and the double of the store."""

import pytest
from kit.errors import Code, ShirushiError, Unavailable
from kit.hour import Hour
from kit.rpc import call, channel, serve
from kit.telemetry import Telemetry
from kit.testing.fake_store import FakeStore
from pseudonym.domain.pairwise_sub import PairwiseKeys
from pseudonym.domain.sector_commitment import sector_commitment
from pseudonym.metrics import Metrics
from pseudonym.rpc import PseudonymService
from pseudonym.store import COLLECTION, StoredFirstSectors
from pseudonym.subjects import SealedSubjects
from shirushi.pseudonym.v1.pseudonym_pb2 import DeriveSubRequest
from shirushi.pseudonym.v1.pseudonym_pb2_grpc import PseudonymServiceStub, add_PseudonymServiceServicer_to_server
from shirushi.rights import PRINCIPALS, RPC_CALLERS

from tests.component.pseudonym.conftest import BLIND, HANDLE, LABEL, LOGIN
from tests.support.identities import Identities

KEYS = PairwiseKeys({1: b"\x01" * 32, 2: b"\x02" * 32})
OTHER_LABEL, OTHER_BLIND = b"T" * 32, b"C" * 32


@pytest.fixture
def identities(tmp_path):
    return Identities(tmp_path / "pki")


@pytest.fixture
def collection(deployment, clock):
    return FakeStore("pseudonym", deployment.custodies["pseudonym"], clock).collection(COLLECTION)


@pytest.fixture
def telemetry():
    return Telemetry("pseudonym")


@pytest.fixture
async def port(identities, deployment, collection, telemetry):
    service = PseudonymService(
        keys=KEYS,
        subjects=SealedSubjects(deployment.codecs["pseudonym"]),
        sectors=StoredFirstSectors(collection, custody=deployment.custodies["pseudonym"], hour=Hour()),
        metrics=Metrics(telemetry),
    )
    server = serve(
        "127.0.0.1",
        0,
        identities.issue("pseudonym"),
        [lambda server: add_PseudonymServiceServicer_to_server(service, server)],
        RPC_CALLERS,
    )
    await server.start()
    yield server.port
    await server.stop()


@pytest.fixture
async def ask(identities, port):
    """Calls as a principal (the gateway unless told otherwise); fields not given are absent."""
    channels = {}

    async def ask_(caller="gateway", **fields):
        if caller not in channels:
            channels[caller] = channel(f"127.0.0.1:{port}", identities.issue(caller), server_name="pseudonym")
            await channels[caller].start()
        stub = channels[caller].stub(PseudonymServiceStub)
        return (await call(stub.DeriveSub, DeriveSubRequest(**fields), 5.0)).sub

    yield ask_
    for part in channels.values():
        await part.stop()


@pytest.fixture
def fields(seal, epoch):
    """A request that is answered, with changes."""

    async def fields_(**changes):
        return {
            "login_id": LOGIN,
            "epoch": epoch,
            "sealed_subject": await seal(),
            "sector_label": LABEL,
            "commitment_blind": BLIND,
            "key_version": 1,
        } | changes

    return fields_


async def test_the_gateway_gets_the_sub(ask, fields):
    assert await ask(**await fields()) == KEYS.sub(1, LABEL, HANDLE)


async def test_the_same_question_gets_the_same_answer(ask, fields):
    given = await fields()
    assert await ask(**given) == await ask(**given)


async def test_the_verifier_s_second_envelope_of_the_same_verdict_gives_the_same(ask, fields):
    """An event handled twice is sealed twice; both envelopes say the same."""
    assert await ask(**await fields()) == await ask(**await fields())


@pytest.mark.parametrize("caller", sorted(set(PRINCIPALS) - {"gateway"}))
async def test_no_other_service_may_ask(ask, fields, collection, caller):
    with pytest.raises(ShirushiError) as refused:
        await ask(caller, **await fields())
    assert refused.value.code is Code.PERMISSION_DENIED
    assert collection.rows == {}


@pytest.mark.parametrize(
    "field", ["login_id", "epoch", "sealed_subject", "sector_label", "commitment_blind", "key_version"]
)
async def test_every_field_is_needed(ask, fields, collection, field):
    given = await fields()
    del given[field]
    with pytest.raises(ShirushiError) as refused:
        await ask(**given)
    assert refused.value.code in {Code.INVALID_ARGUMENT, Code.FAILED_PRECONDITION}
    assert collection.rows == {}


async def test_a_subject_of_another_login_is_refused(ask, fields, seal):
    with pytest.raises(ShirushiError) as refused:
        await ask(**await fields(sealed_subject=await seal(login_id=b"M" * 16)))
    assert refused.value.reason == "subject_of_another_login"


async def test_a_subject_of_another_epoch_is_refused(ask, fields, seal, epoch):
    with pytest.raises(ShirushiError) as refused:
        await ask(**await fields(sealed_subject=await seal(at=epoch + 1)))
    assert refused.value.reason == "subject_of_another_login"


async def test_a_sector_that_the_holder_did_not_sign_for_is_refused(ask, fields):
    with pytest.raises(ShirushiError) as refused:
        await ask(**await fields(sector_label=OTHER_LABEL))
    assert (refused.value.code, refused.value.reason) == (Code.FAILED_PRECONDITION, "sector_commitment_mismatch")


async def test_a_second_sector_is_refused_though_its_commitment_opens(ask, fields, seal):
    await ask(**await fields())
    second = await fields(
        sealed_subject=await seal(commitment=sector_commitment(OTHER_LABEL, OTHER_BLIND)),
        sector_label=OTHER_LABEL,
        commitment_blind=OTHER_BLIND,
    )
    with pytest.raises(ShirushiError) as refused:
        await ask(**second)
    assert (refused.value.code, refused.value.reason) == (Code.FAILED_PRECONDITION, "second_sector")


async def test_after_the_deadline_the_gateway_is_told_that_the_login_is_over(ask, fields, clock):
    given = await fields()
    clock.advance(59.5 * 60)
    with pytest.raises(ShirushiError) as refused:
        await ask(**given)
    assert (refused.value.code, refused.value.reason) == (Code.FAILED_PRECONDITION, "login_expired")


async def test_a_store_that_is_away_is_told_as_such_and_gives_no_sub(ask, fields, collection):
    given = await fields()
    collection.away = True
    with pytest.raises(Unavailable):
        await ask(**given)
    collection.away = False
    assert await ask(**given) == KEYS.sub(1, LABEL, HANDLE)


async def test_what_breaks_inside_tells_nothing(ask, fields, collection, monkeypatch):
    async def broken(*_args, **_kwargs):
        raise RuntimeError(f"handle {HANDLE!r}")

    monkeypatch.setattr(collection, "insert", broken)
    with pytest.raises(ShirushiError) as refused:
        await ask(**await fields())
    assert refused.value.code is Code.INTERNAL
    assert "H" * 8 not in refused.value.public_text


async def test_figures_tell_how_requests_ended_and_nothing_else(ask, fields, telemetry):
    await ask(**await fields())
    with pytest.raises(ShirushiError):
        await ask(**await fields(sector_label=OTHER_LABEL))
    rendered = telemetry.render().decode()
    assert 'shirushi_pseudonym_requests_total{outcome="derived"} 1.0' in rendered
    assert 'shirushi_pseudonym_requests_total{outcome="sector_commitment_mismatch"} 1.0' in rendered
    assert LOGIN.hex() not in rendered
