"""The verifier between challenge and gateway: what it opens, says and lets through."""

import asyncio

import pytest
from kit.errors import Unavailable
from kit.sealing import derive_key_pair
from sandbox.ca.profile import Kind
from shirushi.bus.v1 import envelope_pb2 as bus_pb
from shirushi.evidence.v1 import evidence_pb2
from shirushi.verifier.v1 import events_pb2 as pb
from verifier.domain.ocsp import Standing
from verifier.domain.subject_handle import SubjectHandles

from tests.component.verifier.conftest import HANDLE_KEY, LOGIN
from tests.support import evidence as phone
from tests.support import jpki
from tests.support.jpki import T0

ANSWERED = "shirushi.challenge.answered.v1"
COMPLETED = "shirushi.verification.completed.v1"


async def test_a_good_answer_is_verified(world):
    verdict = (await world.answer(agreed=("name", "birthdate"))).verified
    assert verdict.binding == b"B" * 32
    assert (verdict.attributes.name, verdict.attributes.birthdate) == ("番号　花子", "19900515")
    assert verdict.assurance == pb.ASSURANCE_CARD
    assert verdict.verified_at_ms == verdict.revocation.checked_at_ms == int(T0 * 1000)
    assert world.verdicts[-1].login_id == LOGIN
    assert world.figure("verifier_verdicts_total", outcome="verified") == 1
    assert world.figure("verifier_verification_seconds_count") == 1


async def test_the_handle_is_for_pseudonym_alone(world):
    verdict = (await world.answer()).verified
    opened = world.deployment.codecs["pseudonym"].open_inner(verdict.sealed_subject, pb.SubjectHandle)
    issuer = jpki.anchors().of_authority(jpki.AUTHORITIES[Kind.AUTH])[0]
    expected = SubjectHandles(HANDLE_KEY, test_mode=True).handle(issuer.key_identifier, jpki.SERIAL)
    assert (opened.login_id, opened.epoch) == (LOGIN, world.epoch)
    assert (opened.message.handle, opened.message.sector_commitment) == (expected, b"M" * 32)
    assert expected not in verdict.SerializeToString()


async def test_the_same_card_has_the_same_handle_at_every_login(world):
    handles = set()
    for login in (b"1" * 16, b"2" * 16):
        verdict = (await world.answer(login_id=login)).verified
        handles.add(
            world.deployment.codecs["pseudonym"].open_inner(verdict.sealed_subject, pb.SubjectHandle).message.handle
        )
    assert len(handles) == 1


async def test_attributes_of_the_signature_certificate_pass_with_the_card_s_handle(world):
    verdict = await world.answer(
        cards=[jpki.good_card(), jpki.good_card(Kind.SIGN)],
        agreed=("address",),
        source=evidence_pb2.ATTRIBUTES_SOURCE_SIGNATURE_CERTIFICATE,
    )
    assert verdict.verified.attributes.address == "東京都清瀬市松山１－２－３"
    assert verdict.verified.attributes.source == evidence_pb2.ATTRIBUTES_SOURCE_SIGNATURE_CERTIFICATE
    assert world.responder.asked == 2


async def test_a_refusal_tells_the_phone_and_nobody_else_why(world):
    world.responder.standing = Standing.REVOKED
    refused = (await world.answer()).refused
    assert pb.Reason.Name(refused.reason) == "REASON_CERTIFICATE_REVOKED"
    notice = phone.messages.open_notice(refused.notice, phone.NOTICE_KEY, phone.CHALLENGE_ID)
    assert notice.reason == refused.reason
    assert world.figure("verifier_verdicts_total", outcome="certificate_revoked") == 1


async def test_nobody_is_asked_about_a_card_that_is_refused_anyway(world):
    await world.answer(cards=[jpki.issue(algorithm="rsa-e3")])
    assert world.responder.asked == 0


async def test_the_same_fact_again_ends_in_the_same_verdict(world):
    fact = world.fact()
    first = await world.answer(fact)
    second = await world.answer(fact)
    assert first.verified.binding == second.verified.binding
    assert world.parked == {}


async def test_many_logins_at_once_all_get_their_own_verdict(world):
    logins = [number.to_bytes(16, "big") for number in range(1, 31)]
    fact = world.fact()
    await asyncio.gather(*(world.publish(fact, login) for login in logins))
    await world.hub.settle()
    assert sorted(event.login_id for event in world.verdicts) == logins


# Evidence that was meant for something else


async def test_evidence_that_is_sealed_to_another_key_is_unreadable(world):
    other = derive_key_pair(bytes(96)).public_key
    fact = phone.challenge_answered(phone.Answer(sealing_key=world.sealing_key).evidence(), other, world.epoch)
    refused = (await world.answer(fact)).refused
    assert pb.Reason.Name(refused.reason) == "REASON_EVIDENCE_UNREADABLE"
    assert refused.notice == b""


async def test_evidence_for_another_epoch_s_key_is_unreadable(world):
    other = world.deployment.custodies["verifier"].sealing_private(world.epoch + 1).public_key
    fact = phone.challenge_answered(phone.Answer(sealing_key=other).evidence(), other, world.epoch + 1)
    assert pb.Reason.Name((await world.answer(fact)).refused.reason) == "REASON_EVIDENCE_UNREADABLE"


@pytest.mark.parametrize(
    "changes",
    [
        {"nonce": b"n" * 32},
        {"claim_key_thumbprint": b"c" * 32},
        {"expires_at": phone.EXPIRES_AT + 1},
    ],
    ids=["nonce", "claim key", "expiry"],
)
async def test_an_answer_for_another_challenge_does_not_match(changes, world):
    refused = (await world.answer(world.fact(**changes))).refused
    assert pb.Reason.Name(refused.reason) == "REASON_MESSAGE_MISMATCH"


async def test_evidence_moved_to_another_challenge_does_not_open(world):
    refused = (await world.answer(world.fact(challenge_id="cBBBBBBBBBBBBBBBBBBBBBB"))).refused
    assert pb.Reason.Name(refused.reason) == "REASON_EVIDENCE_UNREADABLE"


# Facts that nobody may have made


async def test_a_fact_that_challenge_has_not_signed_logs_nobody_in(world):
    genuine = await world.deployment.codecs["challenge"].seal(
        bus_pb.EVENT_TYPE_CHALLENGE_ANSWERED, LOGIN, world.epoch, world.fact()
    )
    envelope = bus_pb.Envelope.FromString(genuine)
    envelope.signature = world.deployment.signing_keys["gateway"].sign(b"anything")
    await world.hub.append(ANSWERED, LOGIN, envelope.SerializeToString())
    await world.hub.settle()
    assert world.verdicts == []
    assert [reason for _, reason in world.hub.dead_letters] == ["wrong_signature"]


async def test_a_fact_moved_to_another_login_logs_nobody_in(world):
    await world.publish(world.fact())
    await world.hub.settle()
    other = b"X" * 16
    await world.hub.append(ANSWERED, other, world.hub.of(ANSWERED)[0].value)
    await world.hub.settle()
    assert [event.login_id for event in world.verdicts] == [LOGIN]
    assert [reason for _, reason in world.hub.dead_letters] == ["wrong_key"]


MALFORMED = {
    "no challenge": {"challenge_id": ""},
    "a long challenge id": {"challenge_id": "c" * 65},
    "no nonce": {"nonce": b""},
    "a short nonce": {"nonce": b"N" * 31},
    "no claim key": {"claim_key_thumbprint": b""},
    "no expiry": {"expires_at": 0},
    "an expiry before 1970": {"expires_at": -1},
    "never answered": {"answered_at_ms": 0},
}


@pytest.mark.parametrize("changes", MALFORMED.values(), ids=MALFORMED.keys())
async def test_what_challenge_never_says_is_put_aside(changes, world):
    assert await world.answer(world.fact(**changes)) is None
    assert [reason for _, reason in world.hub.dead_letters] == ["malformed_challenge"]


@pytest.mark.parametrize("minutes", [-600, -3])
async def test_an_answer_from_before_its_login_is_put_aside(minutes, world):
    answered_at_ms = world.fact().answered_at_ms + minutes * 60_000
    fact = world.fact(answered_at_ms=answered_at_ms, expires_at=answered_at_ms // 1000 + 300)
    assert await world.answer(fact) is None
    assert [reason for _, reason in world.hub.dead_letters] == ["malformed_challenge"]


# The end of the hour, and peers that are away


async def test_after_the_keys_died_an_answer_is_counted_and_dropped(world, clock):
    fact = world.fact()
    sealed = await world.deployment.codecs["challenge"].seal(
        bus_pb.EVENT_TYPE_CHALLENGE_ANSWERED, LOGIN, world.epoch, fact
    )
    clock.advance(3600)
    await world.hub.append(ANSWERED, LOGIN, sealed)
    await world.hub.settle()
    assert world.verdicts == []
    assert world.hub.dead_letters == []
    assert (ANSWERED, "expired") in world.verifier.bus.outcomes


async def test_while_kafka_takes_nothing_the_answer_is_tried_again(world):
    fact = world.fact()
    sealed = await world.deployment.codecs["challenge"].seal(
        bus_pb.EVENT_TYPE_CHALLENGE_ANSWERED, LOGIN, world.epoch, fact
    )
    publish, failures = world.verifier.bus.publish, []

    async def fails_twice(*arguments):
        if len(failures) < 2:
            failures.append(arguments)
            raise Unavailable
        await publish(*arguments)

    world.verifier.handler._verdicts._publisher = type("Bus", (), {"publish": staticmethod(fails_twice)})()
    await world.hub.append(ANSWERED, LOGIN, sealed)
    await world.hub.settle()
    assert len(failures) == 2
    assert len(world.verdicts) == 1
    assert (ANSWERED, "handled") in world.verifier.bus.outcomes


async def test_every_verdict_has_one_size_on_the_wire(world):
    await world.answer()
    world.responder.standing = Standing.REVOKED
    await world.answer(login_id=b"2" * 16)
    assert len({len(record.value) for record in world.hub.of(COMPLETED)}) == 1
