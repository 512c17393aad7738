"""From the gateway's facts to sealed records, with the real envelope and the double of the store."""

import itertools

import pytest
from audit_purge.domain.records import LoginConclusion, LoginRequest
from audit_purge.events import Recorder
from audit_purge.store.records import CONCLUSIONS, REQUESTS, StoredRecords
from kit.custody import KeyGone
from kit.errors import Unavailable
from kit.events import EventRejected
from shirushi.bus.v1 import envelope_pb2 as bus
from shirushi.gateway.v1 import events_pb2 as gateway
from shirushi.verifier.v1 import events_pb2 as verifier

from tests.component.audit_purge.conftest import LOGIN

REQUESTED = gateway.LoginRequested(client_id="city-childcare", scopes=["openid", "name"], requested_at_ms=1)
COMPLETED = gateway.LoginConcluded(completed=gateway.Completed(), requested_at_ms=1, concluded_at_ms=2)
REFUSED = gateway.LoginConcluded(
    refused=gateway.Refused(reason=verifier.REASON_CERTIFICATE_REVOKED), requested_at_ms=1, concluded_at_ms=3
)
EXPIRED = gateway.LoginConcluded(
    expired=gateway.Expired(stage=gateway.STAGE_COLLECT), requested_at_ms=1, concluded_at_ms=4
)


@pytest.fixture
def records(store, hour):
    return StoredRecords(store.collection(REQUESTS), store.collection(CONCLUSIONS), hour=hour)


@pytest.fixture
def counted():
    return []


@pytest.fixture
def recorder(records, counted):
    return Recorder(records, lambda fact, outcome: counted.append((fact, outcome)))


@pytest.fixture
def deliver(deployment, recorder, epoch):
    """Publishes as the gateway does and handles as audit-purge does."""

    async def deliver_(message, login_id=LOGIN):
        requested = isinstance(message, gateway.LoginRequested)
        type_ = bus.EVENT_TYPE_LOGIN_REQUESTED if requested else bus.EVENT_TYPE_LOGIN_CONCLUDED
        raw = await deployment.codecs["gateway"].seal(type_, login_id, epoch, message)
        event = deployment.codecs["audit-purge"].open_(raw, type(message))
        await (recorder.login_requested if requested else recorder.login_concluded)(event)

    return deliver_


async def test_a_login_leaves_who_asked_and_what_was_answered(deliver, records):
    await deliver(REQUESTED)
    await deliver(COMPLETED)
    assert await records.read(LOGIN) == (
        LoginRequest("city-childcare", ("openid", "name"), 1),
        LoginConclusion("completed", "", 1, 2),
    )


@pytest.mark.parametrize(
    ("message", "outcome", "detail"),
    [(COMPLETED, "completed", ""), (REFUSED, "refused", "certificate_revoked"), (EXPIRED, "expired", "collect")],
)
async def test_every_outcome_is_kept_with_its_detail(deliver, records, message, outcome, detail):
    await deliver(message)
    _, conclusion = await records.read(LOGIN)
    assert (conclusion.outcome, conclusion.detail) == (outcome, detail)


@pytest.mark.parametrize("order", [*itertools.permutations([REQUESTED, COMPLETED, REQUESTED, COMPLETED])])
async def test_facts_may_come_in_any_order_and_number(deliver, records, order):
    for message in order:
        await deliver(message)
    request, conclusion = await records.read(LOGIN)
    assert (request.client_id, conclusion.outcome) == ("city-childcare", "completed")


async def test_the_first_conclusion_is_kept(deliver, records, counted):
    await deliver(EXPIRED)
    await deliver(COMPLETED)
    _, conclusion = await records.read(LOGIN)
    assert conclusion.outcome == "expired"
    assert counted == [("expired_collect", "recorded"), ("completed", "repeated")]


async def test_a_login_costs_two_documents(deliver, store):
    for message in (REQUESTED, COMPLETED, REFUSED):
        await deliver(message)
    assert sum(len(collection.rows) for collection in store.collections.values()) == 2


async def test_no_client_rests_in_clear(deliver, store):
    await deliver(REQUESTED)
    (row,) = store.collection(REQUESTS).rows.values()
    assert b"city" not in row.box
    assert row.document.content == b""


async def test_reasons_and_stages_of_a_later_version_are_kept_by_number(deliver, records):
    later = gateway.LoginConcluded()
    later.refused.ParseFromString(b"\x08\xe7\x07")  # reason = 999
    await deliver(later)
    _, conclusion = await records.read(LOGIN)
    assert (conclusion.outcome, conclusion.detail) == ("refused", "999")


async def test_a_conclusion_without_an_outcome_can_never_be_handled(deliver):
    with pytest.raises(EventRejected, match="outcome_unknown"):
        await deliver(gateway.LoginConcluded(requested_at_ms=1))


@pytest.mark.parametrize(
    "message",
    [
        gateway.LoginRequested(),
        gateway.LoginRequested(client_id="c" * 257),
        gateway.LoginRequested(client_id="c", scopes=["s" * 129]),
        gateway.LoginRequested(client_id="c", scopes=["s"] * 33),
    ],
    ids=["no client", "long client", "long scope", "many scopes"],
)
async def test_a_request_out_of_bounds_can_never_be_handled(deliver, message, store):
    with pytest.raises(EventRejected):
        await deliver(message)
    assert store.collection(REQUESTS).rows == {}


async def test_a_store_that_is_away_lets_the_fact_come_again(deliver, store, records):
    store.collection(REQUESTS).away = True
    with pytest.raises(Unavailable):
        await deliver(REQUESTED)
    store.collection(REQUESTS).away = False
    await deliver(REQUESTED)
    assert (await records.read(LOGIN))[0] is not None


async def test_deleting_an_epoch_takes_its_records_and_leaves_the_next_epoch_s(deployment, records, store, hour, epoch):
    for login, at in ((b"a" * 16, epoch), (b"b" * 16, epoch), (b"c" * 16, epoch + 1)):
        await records.keep_request(login, at, LoginRequest("client", (), 0))
        await records.keep_conclusion(login, at, LoginConclusion("completed", "", 0, 0))
    assert await records.delete_epoch(epoch) == 2
    assert set(store.collection(REQUESTS).rows) == set(store.collection(CONCLUSIONS).rows) == {b"c" * 16}
    assert await records.delete_epoch(epoch) == 0
    assert await records.delete_epoch(epoch + 1) == 1


async def test_the_counted_deletion_comes_before_the_database_s_own(records, store, hour, epoch):
    await records.keep_request(LOGIN, epoch, LoginRequest("client", (), 0))
    at_key_deadline = hour.key_deadline(epoch)
    assert await store.collection(REQUESTS).purge(at_key_deadline + 1) == 0
    assert await store.collection(REQUESTS).purge(at_key_deadline + 16) == 1
    assert at_key_deadline + 16 < hour.epoch_start(epoch) + 3600


async def test_after_the_deadline_a_record_cannot_be_read_or_written(deliver, records, clock, epoch):
    await deliver(REQUESTED)
    clock.advance(59.5 * 60)
    with pytest.raises(KeyGone):
        await records.read(LOGIN)
    with pytest.raises(KeyGone):
        await records.keep_conclusion(LOGIN, epoch, LoginConclusion("completed", "", 0, 0))
