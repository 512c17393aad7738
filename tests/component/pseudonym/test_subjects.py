"""The envelope of the subject handle: only what the verifier made for pseudonym opens."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from kit.errors import Code, ShirushiError, Unavailable
from kit.events import EventCodec, signature_message
from kit.sealing import info, pad
from pseudonym.domain.derivation import MAX_SEALED_SUBJECT_BYTES, Subject
from pseudonym.domain.sector_commitment import sector_commitment
from pseudonym.subjects import SealedSubjects
from shirushi.bus.v1 import envelope_pb2 as bus
from shirushi.verifier.v1.events_pb2 import SubjectHandle

from kit import crypto
from tests.component.pseudonym.conftest import BLIND, HANDLE, LABEL, LOGIN


@pytest.fixture
def subjects(deployment):
    return SealedSubjects(deployment.codecs["pseudonym"])


def changed(raw, **fields):
    """The envelope with fields changed, its signature as it was."""
    envelope = bus.Envelope.FromString(raw)
    for name, value in fields.items():
        setattr(envelope, name, value)
    return envelope.SerializeToString()


def signed_again(raw, key, **fields):
    """The envelope with fields changed and signed by another key."""
    envelope = bus.Envelope.FromString(changed(raw, **fields))
    envelope.signature = crypto.sign(key, signature_message(envelope))
    return envelope.SerializeToString()


def assert_unreadable(subjects, sealed, reason="subject_unreadable"):
    with pytest.raises(ShirushiError) as refused:
        subjects.open(sealed)
    assert (refused.value.code, refused.value.reason) == (Code.FAILED_PRECONDITION, reason)


async def test_what_the_verifier_sealed_opens(subjects, seal, epoch):
    opened = subjects.open(await seal())
    assert opened == Subject(LOGIN, epoch, HANDLE, sector_commitment(LABEL, BLIND))


async def test_a_sealed_subject_fits_the_bound_of_the_request(seal):
    assert len(await seal()) < MAX_SEALED_SUBJECT_BYTES / 2


async def test_the_handle_is_not_readable_on_its_way(seal):
    sealed = await seal()
    assert HANDLE not in sealed
    assert sector_commitment(LABEL, BLIND) not in sealed


@pytest.mark.parametrize(
    "change",
    [
        {"login_id": b"M" * 16},
        {"login_id": b""},
        {"login_id": b"L" * 15},
        {"epoch": 29_397_599},
        {"event_id": b"E" * 16},
        {"event_id": b""},
        {"version": 2},
        {"version": 0},
        {"sender": "gateway"},
        {"sender": ""},
        {"receiver": "gateway"},
        {"receiver": ""},
        {"type": bus.EVENT_TYPE_VERIFICATION_COMPLETED},
        {"type": 99},
        {"signature": b""},
        {"signature": bytes(64)},
        {"sealed": b""},
        {"sealed": bytes(2000)},
    ],
    ids=lambda change: f"{next(iter(change))}-{str(next(iter(change.values())))[:12]}",
)
async def test_an_altered_envelope_is_refused(subjects, seal, change):
    assert_unreadable(subjects, changed(await seal(), **change))


@pytest.mark.parametrize("signer", ["gateway", "challenge", "pseudonym", "audit-purge"])
async def test_another_service_s_signature_is_refused(subjects, seal, deployment, signer):
    key = deployment.signing_keys[signer]
    assert_unreadable(subjects, signed_again(await seal(), key))
    assert_unreadable(subjects, signed_again(await seal(), key, sender=signer))


async def test_even_the_verifier_cannot_move_a_sealed_subject_to_another_login(subjects, seal, deployment, epoch):
    """The HPKE info names login and epoch, so a new signature alone moves nothing."""
    key = deployment.signing_keys["verifier"]
    assert_unreadable(subjects, signed_again(await seal(), key, login_id=b"M" * 16))
    assert_unreadable(subjects, signed_again(await seal(), key, epoch=epoch - 1), reason="subject_unreadable")


async def test_a_subject_sealed_to_another_service_s_key_is_refused(subjects, seal, deployment, epoch):
    place = info(1, "EVENT_TYPE_SUBJECT_HANDLE", "verifier", "pseudonym", epoch, LOGIN)
    from kit.sealing import Sealer

    to_gateway = Sealer().seal(
        pad(SubjectHandle(handle=HANDLE).SerializeToString(), 512),
        await deployment.custodies["verifier"].sealing_public("gateway", epoch),
        place,
    )
    assert_unreadable(subjects, signed_again(await seal(), deployment.signing_keys["verifier"], sealed=to_gateway))


async def test_another_fact_of_the_verifier_is_no_subject(subjects, deployment, epoch):
    from shirushi.verifier.v1.events_pb2 import VerificationDelayed

    fact = await deployment.codecs["verifier"].seal(
        bus.EVENT_TYPE_VERIFICATION_DELAYED, LOGIN, epoch, VerificationDelayed(attempts=1)
    )
    assert_unreadable(subjects, fact)


async def test_a_sealed_message_of_another_schema_is_refused(subjects, seal, deployment, epoch):
    from kit.sealing import Sealer

    rubbish = Sealer().seal(
        pad(b"\xff\xff\xff", 512),
        await deployment.custodies["verifier"].sealing_public("pseudonym", epoch),
        info(1, "EVENT_TYPE_SUBJECT_HANDLE", "verifier", "pseudonym", epoch, LOGIN),
    )
    assert_unreadable(subjects, signed_again(await seal(), deployment.signing_keys["verifier"], sealed=rubbish))


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(raw=st.binary(max_size=MAX_SEALED_SUBJECT_BYTES))
def test_no_bytes_do_anything_but_be_refused(raw):
    from kit.clock import FixedClock
    from kit.hour import Hour
    from kit.testing.fake_custody import FakeDeployment

    from tests.component.pseudonym.conftest import T0

    subjects = SealedSubjects(FakeDeployment(Hour(), FixedClock(T0)).codecs["pseudonym"])
    assert_unreadable(subjects, raw)


async def test_a_cut_off_envelope_is_refused_at_every_length(subjects, seal):
    sealed = await seal()
    for length in {0, 1, 2, 20, 40, 64, len(sealed) // 2, len(sealed) - 1}:
        assert_unreadable(subjects, sealed[:length])


async def test_after_the_deadline_nobody_opens_it(subjects, seal, deployment, clock):
    sealed = await seal()
    clock.advance(59.5 * 60)
    assert_unreadable(subjects, sealed, reason="login_expired")
    await deployment.refresh()
    assert_unreadable(subjects, sealed, reason="login_expired")


async def test_until_the_keys_have_come_it_may_be_asked_again(deployment, seal):
    sealed = await seal()
    custody = deployment.custodies["pseudonym"]
    custody._keys.clear()
    with pytest.raises(Unavailable):
        SealedSubjects(deployment.codecs["pseudonym"]).open(sealed)


async def test_a_new_signing_key_of_the_verifier_is_believed_only_when_the_table_names_it(deployment, seal):
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    fresh = Ed25519PrivateKey.generate()
    sealed = signed_again(await seal(), fresh)
    assert_unreadable(SealedSubjects(deployment.codecs["pseudonym"]), sealed)
    codec = EventCodec(
        service="pseudonym",
        signing_key=deployment.signing_keys["pseudonym"],
        signers={"verifier": (*deployment.signers["verifier"], fresh.public_key())},
        custody=deployment.custodies["pseudonym"],
    )
    assert SealedSubjects(codec).open(sealed).handle == HANDLE
