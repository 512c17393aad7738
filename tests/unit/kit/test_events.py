"""The envelope: one row for each way in which a record is not what it says."""

import os

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from kit.clock import FixedClock
from kit.custody import KeyGone
from kit.errors import Unavailable
from kit.events import MAX_EVENT_BYTES, EventRejected, signature_message, type_of
from kit.sealing import Sealer, info, pad
from kit.testing.fake_custody import FakeDeployment
from kit.testing.null_sealer import null_sealer
from shirushi import rights
from shirushi.bus.v1 import envelope_pb2 as bus
from shirushi.challenge.v1.events_pb2 import ChallengeAnswered, ChallengeClaimed
from shirushi.gateway.v1.events_pb2 import LoginProgressed, LoginRequested
from shirushi.verifier.v1.events_pb2 import SubjectHandle

REQUESTED = bus.EVENT_TYPE_LOGIN_REQUESTED
LOGIN = b"l" * 16
MESSAGE = LoginRequested(client_id="planted-client", scopes=["openid"], requested_at_ms=1)


@pytest.fixture
async def deployment() -> FakeDeployment:
    return await FakeDeployment(clock=FixedClock(1_800_000_000.0)).start()


def now(deployment: FakeDeployment) -> int:
    return deployment.hour.epoch_of(deployment.clock.now())


async def sealed(deployment: FakeDeployment) -> bytes:
    return await deployment.codecs["gateway"].seal(REQUESTED, LOGIN, now(deployment), MESSAGE)


async def test_a_sealed_event_opens_at_its_receiver(deployment: FakeDeployment) -> None:
    event = deployment.codecs["audit-purge"].open_(await sealed(deployment), LoginRequested)
    assert (event.type, event.login_id, event.epoch) == (REQUESTED, LOGIN, now(deployment))
    assert (event.sender, event.message) == ("gateway", MESSAGE)
    assert len(event.event_id) == 16


async def test_nothing_of_the_payload_is_in_clear_and_its_size_says_nothing(deployment: FakeDeployment) -> None:
    short = await deployment.codecs["gateway"].seal(REQUESTED, LOGIN, now(deployment), LoginRequested(client_id="a"))
    long = await sealed(deployment)
    assert b"planted-client" not in long
    assert len(short) == len(long)


async def test_every_type_of_the_rights_table_has_its_message() -> None:
    assert type_of(ChallengeAnswered) == bus.EVENT_TYPE_CHALLENGE_ANSWERED
    assert type_of(SubjectHandle) in rights.INNER


FORGERIES = {
    "unknown_version": lambda e: setattr(e, "version", 2),
    "wrong_type": lambda e: setattr(e, "type", bus.EVENT_TYPE_LOGIN_CONCLUDED),
    "wrong_sender": lambda e: setattr(e, "sender", "challenge"),
    "wrong_receiver": lambda e: setattr(e, "receiver", "gateway"),
    "wrong_id": lambda e: setattr(e, "event_id", b"short"),
}
ALTERATIONS = {
    "version": lambda e: setattr(e, "version", 1),
    "event_id": lambda e: setattr(e, "event_id", os.urandom(16)),
    "login_id": lambda e: setattr(e, "login_id", os.urandom(16)),
    "epoch": lambda e: setattr(e, "epoch", e.epoch + 1),
    "sealed": lambda e: setattr(e, "sealed", e.sealed[:-1] + bytes((e.sealed[-1] ^ 1,))),
    "signature": lambda e: setattr(e, "signature", bytes(64)),
    "no signature": lambda e: setattr(e, "signature", b""),
}


@pytest.mark.parametrize("reason", FORGERIES)
async def test_an_envelope_that_says_something_else_is_rejected(deployment: FakeDeployment, reason: str) -> None:
    envelope = bus.Envelope.FromString(await sealed(deployment))
    FORGERIES[reason](envelope)
    envelope.signature = deployment.signing_keys["gateway"].sign(signature_message(envelope))
    with pytest.raises(EventRejected) as caught:
        deployment.codecs["audit-purge"].open_(envelope.SerializeToString(), LoginRequested)
    assert caught.value.reason == reason


@pytest.mark.parametrize("altered", [name for name in ALTERATIONS if name != "version"])
async def test_an_altered_envelope_has_a_wrong_signature(deployment: FakeDeployment, altered: str) -> None:
    envelope = bus.Envelope.FromString(await sealed(deployment))
    ALTERATIONS[altered](envelope)
    with pytest.raises(EventRejected) as caught:
        deployment.codecs["audit-purge"].open_(envelope.SerializeToString(), LoginRequested)
    assert caught.value.reason == "wrong_signature"


async def test_a_payload_moved_to_another_login_does_not_open_even_with_the_senders_signature(
    deployment: FakeDeployment,
) -> None:
    envelope = bus.Envelope.FromString(await sealed(deployment))
    envelope.login_id = os.urandom(16)
    envelope.signature = deployment.signing_keys["gateway"].sign(signature_message(envelope))
    with pytest.raises(EventRejected) as caught:
        deployment.codecs["audit-purge"].open_(envelope.SerializeToString(), LoginRequested)
    assert caught.value.reason == "does_not_open"


async def test_a_signature_of_another_service_is_rejected(deployment: FakeDeployment) -> None:
    envelope = bus.Envelope.FromString(await sealed(deployment))
    envelope.signature = deployment.signing_keys["challenge"].sign(signature_message(envelope))
    with pytest.raises(EventRejected) as caught:
        deployment.codecs["audit-purge"].open_(envelope.SerializeToString(), LoginRequested)
    assert caught.value.reason == "wrong_signature"


async def test_another_service_than_the_receiver_cannot_open(deployment: FakeDeployment) -> None:
    with pytest.raises(EventRejected):
        deployment.codecs["verifier"].open_(await sealed(deployment), LoginRequested)


async def test_a_payload_of_another_schema_is_rejected(deployment: FakeDeployment) -> None:
    epoch = now(deployment)
    public_key = await deployment.custodies["gateway"].sealing_public("audit-purge", epoch)
    place = info(1, "EVENT_TYPE_LOGIN_REQUESTED", "gateway", "audit-purge", epoch, LOGIN)
    envelope = bus.Envelope.FromString(await sealed(deployment))
    envelope.sealed = Sealer().seal(pad(b"\x0a\xff", 512), public_key, place)
    envelope.signature = deployment.signing_keys["gateway"].sign(signature_message(envelope))
    with pytest.raises(EventRejected) as caught:
        deployment.codecs["audit-purge"].open_(envelope.SerializeToString(), LoginRequested)
    assert caught.value.reason == "wrong_schema"


async def test_what_is_too_large_is_rejected_before_it_is_parsed(deployment: FakeDeployment) -> None:
    with pytest.raises(EventRejected) as caught:
        deployment.codecs["audit-purge"].open_(bytes(MAX_EVENT_BYTES + 1), LoginRequested)
    assert caught.value.reason == "too_large"


@settings(max_examples=200)
@given(rubbish=st.binary(max_size=400))
def test_rubbish_is_rejected_and_nothing_worse(rubbish: bytes) -> None:
    with pytest.raises(EventRejected):
        FakeDeployment(clock=FixedClock(0.0)).codecs["audit-purge"].open_(rubbish, LoginRequested)


async def test_an_event_whose_key_is_gone_is_gone(deployment: FakeDeployment) -> None:
    raw = await sealed(deployment)
    progressed = await deployment.codecs["gateway"].seal(
        bus.EVENT_TYPE_LOGIN_PROGRESSED, LOGIN, now(deployment), LoginProgressed()
    )
    deployment.clock.t = deployment.hour.key_deadline(now(deployment))
    with pytest.raises(KeyGone):
        deployment.codecs["audit-purge"].open_(raw, LoginRequested)
    with pytest.raises(KeyGone):
        deployment.codecs["gateway"].open_(progressed, LoginProgressed)


async def test_an_epoch_that_opens_soon_is_waited_for_and_a_distant_one_is_not(deployment: FakeDeployment) -> None:
    envelope = bus.Envelope.FromString(await sealed(deployment))
    codec = deployment.codecs["audit-purge"]
    for ahead, expected in ((1, Unavailable), (16, EventRejected), (1_000_000, EventRejected)):
        envelope.epoch = now(deployment) + ahead
        envelope.signature = deployment.signing_keys["gateway"].sign(signature_message(envelope))
        codec.custody._keys.pop(envelope.epoch, None)
        with pytest.raises(expected):
            codec.open_(envelope.SerializeToString(), LoginRequested)


async def test_a_service_does_not_send_what_it_may_not(deployment: FakeDeployment) -> None:
    with pytest.raises(PermissionError):
        await deployment.codecs["challenge"].seal(REQUESTED, LOGIN, now(deployment), MESSAGE)
    with pytest.raises(PermissionError):
        await deployment.codecs["gateway"].seal(
            bus.EVENT_TYPE_CHALLENGE_CLAIMED, LOGIN, now(deployment), ChallengeClaimed()
        )


async def test_an_inner_message_opens_at_its_receiver_only(deployment: FakeDeployment) -> None:
    raw = await deployment.codecs["verifier"].seal_inner(
        bus.EVENT_TYPE_SUBJECT_HANDLE, LOGIN, now(deployment), SubjectHandle(handle=b"h" * 32)
    )
    opened = deployment.codecs["pseudonym"].open_inner(raw, SubjectHandle)
    assert opened.message.handle == b"h" * 32
    with pytest.raises(EventRejected):
        deployment.codecs["gateway"].open_inner(raw, SubjectHandle)


async def test_the_null_sealer_lets_payloads_be_read_by_anyone(deployment: FakeDeployment) -> None:
    with null_sealer():
        raw = await sealed(deployment)
        assert b"planted-client" in raw
        assert deployment.codecs["audit-purge"].open_(raw, LoginRequested).message == MESSAGE
    assert b"planted-client" not in await sealed(deployment)
