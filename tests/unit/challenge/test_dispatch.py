"""What may be done with a challenge, by whom, and what others are told."""

import asyncio
from dataclasses import replace

import pytest
from challenge.domain.challenge import CancelReason, State
from challenge.domain.network_hint import NetworkHint
from challenge.domain.refusals import Refusal, Refused
from challenge.domain.token import Transport
from kit.errors import ShirushiError, Unavailable
from kit.network import network_digest

from tests.support.challenge_tokens import link_token
from tests.unit.challenge.conftest import HOUR, T0

SEALED = b"sealed" * 200


async def refused_with(refusal, awaitable):
    with pytest.raises(Refused) as caught:
        await awaitable
    assert caught.value.refusal is refusal


async def test_issuing_the_same_login_again_answers_the_same_and_keeps_what_was_stored(world):
    first = await world.issue()
    second = await world.issue(sheets={Transport.QR: b"another"})
    assert first == second
    assert world.stored().sheets == {Transport.APP_LINK: b"link sheet", Transport.QR: b"qr sheet"}


async def test_two_logins_share_nothing(world):
    first = await world.issue()
    second = await world.issue(login_id=b"M" * 16)
    assert first.handle != second.handle
    assert first.secrets.link_secret != second.secrets.link_secret
    assert first.secrets.qr_secret != second.secrets.qr_secret


async def test_a_login_has_one_epoch(world):
    await world.issue()
    await refused_with(Refusal.ISSUED_OTHERWISE, world.issue(epoch=world.request.epoch + 1))


@pytest.mark.parametrize(
    "changes",
    [
        {"login_id": b"short"},
        {"sheets": {}},
        {"sheets": {Transport.QR: b""}},
        {"sheets": {Transport.QR: b"x" * 4097}},
        {"network_digest": b"x" * 31},
        {"expires_at": int(T0)},
        {"verdict_due_at": int(T0) + 299},
        {"verdict_due_at": int(T0) + 3600},
    ],
)
async def test_issuing_is_bounded(world, changes):
    with pytest.raises(ShirushiError) as caught:
        await world.issue(**changes)
    assert caught.value.reason == "invalid_argument"
    assert not world.challenges.kept


@pytest.mark.parametrize("transport", list(Transport))
async def test_a_phone_claims_answers_and_learns_the_state(world, phone, transport):
    await world.issue()
    token = world.link() if transport is Transport.APP_LINK else world.qr()
    challenge, presented = await world.dispatch.resolve(token)
    assert (challenge.state, presented.transport) == (State.ISSUED, transport)

    given = await phone.claim(world.dispatch, token)
    assert len(given.claim.nonce) == 32
    assert given.claim.transport is transport
    assert given.sheet == world.request.sheets[transport]
    assert given.sealing_key.service == "verifier"
    assert world.facts.claims == [given.challenge]

    challenge_id = given.challenge.challenge_id
    assert await phone.status(world.dispatch, challenge_id, given.claim.nonce) == ("claimed", b"")
    after = await phone.answer(world.dispatch, challenge_id, SEALED)
    assert after.state is State.ANSWERED
    [(told, evidence)] = world.facts.answers
    assert (told.claim, evidence) == (given.claim, SEALED)
    assert await phone.status(world.dispatch, challenge_id, given.claim.nonce) == ("answered", b"")

    await world.dispatch.post_notice(b"L" * 16, b"notice")
    assert await phone.status(world.dispatch, challenge_id, given.claim.nonce) == ("refused", b"notice")


async def test_the_same_phone_may_claim_again_and_gets_the_same_nonce(world, phone):
    await world.issue()
    token = world.qr()
    first = await phone.claim(world.dispatch, token)
    world.clock.advance(60)  # the QR code is long gone, but this phone has it already
    second = await phone.claim(world.dispatch, token)
    assert (second.claim, second.sheet) == (first.claim, first.sheet)
    assert world.nonces == 2
    assert len(world.facts.claims) == 1


async def test_the_first_claim_wins(world, phone, other_phone):
    await world.issue()
    await phone.claim(world.dispatch, world.link())
    await refused_with(Refusal.ALREADY_CLAIMED, other_phone.claim(world.dispatch, world.link()))
    await refused_with(Refusal.ALREADY_CLAIMED, other_phone.claim(world.dispatch, world.qr()))
    await refused_with(Refusal.ALREADY_CLAIMED, phone.claim(world.dispatch, world.qr()))


async def test_of_two_claims_at_the_same_time_one_wins_and_the_nonce_of_the_other_is_never_told(
    world, phone, other_phone
):
    await world.issue()
    outcome = {}

    async def overtake():
        outcome["other"] = await other_phone.claim(world.dispatch, world.link())

    world.challenges.before_replace.append(overtake)
    await refused_with(Refusal.ALREADY_CLAIMED, phone.claim(world.dispatch, world.link()))
    assert world.stored().claim == outcome["other"].claim


async def test_a_crowd_of_phones_gets_one_claim(world):
    from tests.unit.challenge.conftest import Phone

    await world.issue()
    results = await asyncio.gather(
        *(Phone().claim(world.dispatch, world.link()) for _ in range(12)), return_exceptions=True
    )
    winners = [result for result in results if not isinstance(result, Exception)]
    losers = [result.refusal for result in results if isinstance(result, Refused)]
    assert len(winners) == 1
    assert losers == [Refusal.ALREADY_CLAIMED] * 11


async def test_a_claim_is_not_used_up_while_the_verifiers_key_is_missing(world, phone):
    await world.issue()
    world.keys.away = True
    with pytest.raises(Unavailable):
        await phone.claim(world.dispatch, world.link())
    assert world.stored().state is State.ISSUED


async def test_a_claim_needs_a_proof_by_its_own_key_over_its_own_token(world, phone, other_phone):
    await world.issue()
    token = world.link()
    for proof in (
        other_phone.claim_proof(token),
        phone.claim_proof(world.qr()),
        "A" * 86,
        "",
    ):
        await refused_with(Refusal.PROOF_INVALID, world.dispatch.claim(token, phone.key, proof, ""))
    assert world.stored().state is State.ISSUED


@pytest.mark.parametrize(("steps", "good"), [(-3, False), (-2, True), (-1, True), (0, True), (1, True), (2, False)])
async def test_a_qr_token_is_good_for_three_steps_and_a_little_skew(world, phone, steps, good):
    await world.issue()
    token = world.qr(steps)
    if good:
        await world.dispatch.resolve(token)
        await phone.claim(world.dispatch, token)
    else:
        await refused_with(Refusal.TOKEN_EXPIRED, world.dispatch.resolve(token))
        await refused_with(Refusal.TOKEN_EXPIRED, phone.claim(world.dispatch, token))


async def test_a_replayed_qr_token_claims_nothing(world, phone, other_phone):
    await world.issue()
    photographed = world.qr()
    world.clock.advance(15)
    await refused_with(Refusal.TOKEN_EXPIRED, other_phone.claim(world.dispatch, photographed))
    await phone.claim(world.dispatch, world.qr())
    await refused_with(Refusal.TOKEN_EXPIRED, other_phone.claim(world.dispatch, photographed))


async def test_a_transport_that_the_policy_forbids_has_no_token(world, phone):
    await world.issue(sheets={Transport.QR: b"qr sheet"})
    await refused_with(Refusal.TOKEN_UNKNOWN, world.dispatch.resolve(world.link()))
    await refused_with(Refusal.TOKEN_UNKNOWN, phone.claim(world.dispatch, world.link()))


async def test_the_secret_of_another_login_opens_nothing(world):
    first = await world.issue()
    second = await world.issue(login_id=b"M" * 16)
    mixed = link_token(first.handle, second.secrets.link_secret)
    await refused_with(Refusal.TOKEN_UNKNOWN, world.dispatch.resolve(mixed))
    await refused_with(Refusal.TOKEN_UNKNOWN, world.dispatch.resolve(link_token(b"?" * 16, first.secrets.link_secret)))


async def test_a_challenge_expires_unclaimed_and_unanswered(world, phone):
    await world.issue()
    given = await phone.claim(world.dispatch, world.link())
    world.clock.advance(300)
    challenge_id = given.challenge.challenge_id
    await refused_with(Refusal.CHALLENGE_EXPIRED, world.dispatch.resolve(world.link()))
    await refused_with(Refusal.CHALLENGE_EXPIRED, phone.claim(world.dispatch, world.link()))
    await refused_with(Refusal.CHALLENGE_EXPIRED, phone.answer(world.dispatch, challenge_id, SEALED))
    await refused_with(Refusal.CHALLENGE_EXPIRED, phone.cancel(world.dispatch, challenge_id, CancelReason.DECLINED))
    assert await phone.status(world.dispatch, challenge_id, given.claim.nonce) == ("expired", b"")
    assert not world.facts.answers


async def test_an_unclaimed_challenge_takes_no_answer(world, phone):
    await world.issue()
    challenge_id = "c" + world.link()[1:23]
    stored = world.stored()
    await refused_with(Refusal.NOT_CLAIMED, phone.answer(world.dispatch, stored.challenge_id, SEALED))
    await refused_with(Refusal.NOT_CLAIMED, phone.cancel(world.dispatch, stored.challenge_id, CancelReason.DECLINED))
    await refused_with(Refusal.NOT_CLAIMED, phone.status(world.dispatch, stored.challenge_id, b"n" * 32))
    assert len(challenge_id) == len(stored.challenge_id)


async def test_only_the_claiming_phone_may_answer_cancel_or_ask(world, phone, other_phone):
    await world.issue()
    given = await phone.claim(world.dispatch, world.link())
    challenge_id = given.challenge.challenge_id
    await refused_with(Refusal.PROOF_INVALID, other_phone.answer(world.dispatch, challenge_id, SEALED))
    await refused_with(Refusal.PROOF_INVALID, other_phone.cancel(world.dispatch, challenge_id, CancelReason.NOT_MINE))
    await refused_with(Refusal.PROOF_INVALID, other_phone.status(world.dispatch, challenge_id, given.claim.nonce))
    await refused_with(Refusal.PROOF_INVALID, phone.status(world.dispatch, challenge_id, b"n" * 32))
    assert world.stored().state is State.CLAIMED


async def test_a_proof_for_one_challenge_answers_no_other(world, phone):
    await world.issue()
    first = (await phone.claim(world.dispatch, world.link())).challenge.challenge_id
    await world.issue(login_id=b"M" * 16)
    second = (await phone.claim(world.dispatch, world.link())).challenge.challenge_id
    proof = phone.answer_proof(first, SEALED)
    await refused_with(Refusal.PROOF_INVALID, world.dispatch.answer(second, SEALED, proof))
    await refused_with(Refusal.PROOF_INVALID, world.dispatch.answer(first, SEALED + b"!", proof))


async def test_the_same_evidence_again_is_confirmed_and_not_published_again_and_other_evidence_is_refused(world, phone):
    await world.issue()
    challenge_id = (await phone.claim(world.dispatch, world.link())).challenge.challenge_id
    first = await phone.answer(world.dispatch, challenge_id, SEALED)
    world.clock.advance(600)  # past the expiry: it was taken in time
    for _ in range(3):
        assert await phone.answer(world.dispatch, challenge_id, SEALED) == first
    await refused_with(Refusal.ALREADY_ANSWERED, phone.answer(world.dispatch, challenge_id, b"other" * 300))
    assert len(world.facts.answers) == 1


async def test_an_answered_challenge_is_neither_claimed_nor_cancelled_any_more(world, phone, other_phone):
    await world.issue()
    challenge_id = (await phone.claim(world.dispatch, world.link())).challenge.challenge_id
    await phone.answer(world.dispatch, challenge_id, SEALED)
    await refused_with(Refusal.ALREADY_ANSWERED, phone.claim(world.dispatch, world.link()))
    await refused_with(Refusal.ALREADY_ANSWERED, other_phone.claim(world.dispatch, world.link()))
    await refused_with(Refusal.ALREADY_ANSWERED, phone.cancel(world.dispatch, challenge_id, CancelReason.DECLINED))
    await refused_with(Refusal.ALREADY_ANSWERED, world.dispatch.withdraw(b"L" * 16))


@pytest.mark.parametrize("reason", list(CancelReason))
async def test_the_holder_gives_up_for_a_reason(world, phone, other_phone, reason):
    await world.issue()
    given = await phone.claim(world.dispatch, world.link())
    challenge_id = given.challenge.challenge_id
    await phone.cancel(world.dispatch, challenge_id, reason)
    assert [fact.cancel_reason for fact in world.facts.cancellations] == [reason]
    assert await phone.status(world.dispatch, challenge_id, given.claim.nonce) == ("cancelled", b"")
    await refused_with(Refusal.ALREADY_CANCELLED, phone.answer(world.dispatch, challenge_id, SEALED))
    await refused_with(Refusal.ALREADY_CANCELLED, other_phone.claim(world.dispatch, world.link()))
    # A second try, with whatever reason, tells the first one again.
    await phone.cancel(world.dispatch, challenge_id, CancelReason.DECLINED)
    assert [fact.cancel_reason for fact in world.facts.cancellations] == [reason, reason]


async def test_the_browser_gives_up_before_and_after_the_claim(world, phone):
    await world.issue()
    assert await world.dispatch.withdraw(b"L" * 16) is False
    await refused_with(Refusal.ALREADY_CANCELLED, phone.claim(world.dispatch, world.link()))
    await world.issue(login_id=b"M" * 16)
    given = await phone.claim(world.dispatch, world.link())
    assert await world.dispatch.withdraw(b"M" * 16) is True
    assert [fact.cancel_reason for fact in world.facts.cancellations] == [None, None]
    state, _ = await phone.status(world.dispatch, given.challenge.challenge_id, given.claim.nonce)
    assert state == "cancelled"


@pytest.mark.parametrize("claimed", [True, False])
async def test_when_time_is_up_the_gateway_learns_how_far_it_came_and_no_answer_comes_after(world, phone, claimed):
    await world.issue()
    if claimed:
        given = await phone.claim(world.dispatch, world.link())
    world.clock.advance(306)
    assert await world.dispatch.withdraw(b"L" * 16) is claimed
    # Nobody gave up, so nobody is said to have.
    assert not world.facts.cancellations
    world.clock.advance(-20)  # another replica, whose clock is behind
    await refused_with(Refusal.ALREADY_CANCELLED, phone.claim(world.dispatch, world.link()))
    if claimed:
        challenge_id = given.challenge.challenge_id
        await refused_with(Refusal.ALREADY_CANCELLED, phone.answer(world.dispatch, challenge_id, SEALED))
        world.clock.advance(20)
        assert await phone.status(world.dispatch, challenge_id, given.claim.nonce) == ("expired", b"")


async def test_an_unknown_login_has_nothing_to_withdraw_or_to_notify(world):
    await refused_with(Refusal.CHALLENGE_UNKNOWN, world.dispatch.withdraw(b"?" * 16))
    await refused_with(Refusal.CHALLENGE_UNKNOWN, world.dispatch.post_notice(b"?" * 16, b""))


async def test_a_notice_follows_an_answer_only_and_the_first_stands(world, phone):
    await world.issue()
    await refused_with(Refusal.NOT_ANSWERED, world.dispatch.post_notice(b"L" * 16, b"first"))
    given = await phone.claim(world.dispatch, world.link())
    await refused_with(Refusal.NOT_ANSWERED, world.dispatch.post_notice(b"L" * 16, b"first"))
    await phone.answer(world.dispatch, given.challenge.challenge_id, SEALED)
    await world.dispatch.post_notice(b"L" * 16, b"first")
    await world.dispatch.post_notice(b"L" * 16, b"second")
    assert world.stored().notice == b"first"
    with pytest.raises(ShirushiError, match="512"):
        await world.dispatch.post_notice(b"L" * 16, b"x" * 513)


@pytest.mark.parametrize(
    ("browser", "phone_address", "hint"),
    [
        ("192.0.2.250", "192.0.2.7", NetworkHint.SAME),
        ("192.0.2.250", "::ffff:192.0.2.7", NetworkHint.SAME),
        ("192.0.3.1", "192.0.2.7", NetworkHint.DIFFERENT),
        ("2001:db8:0:12aa::1", "2001:db8:0:12ff:8::2", NetworkHint.SAME),
        ("2001:db8:0:1300::1", "2001:db8:0:12ff:8::2", NetworkHint.DIFFERENT),
        ("", "192.0.2.7", NetworkHint.UNKNOWN),
        ("192.0.2.250", "", NetworkHint.UNKNOWN),
        ("192.0.2.250", "nonsense", NetworkHint.UNKNOWN),
    ],
)
async def test_the_network_hint_compares_prefixes(world, phone, browser, phone_address, hint):
    await world.issue(network_digest=network_digest(browser, b"n" * 32))
    given = await phone.claim(world.dispatch, world.link(), phone_address)
    assert given.claim.hint is hint
    # It stays what it was, and what it was made of is gone.
    again = await phone.claim(world.dispatch, world.link(), "198.51.100.1")
    assert again.claim.hint is hint
    assert world.stored().network_digest == b""


async def test_what_nobody_needs_any_more_is_dropped(world, phone):
    await world.issue()
    given = await phone.claim(world.dispatch, world.link())
    assert set(world.stored().sheets) == {Transport.APP_LINK}
    await phone.answer(world.dispatch, given.challenge.challenge_id, SEALED)
    assert world.stored().sheets == {}
    assert SEALED not in repr(world.stored()).encode()


async def test_a_document_is_kept_while_its_phone_may_ask_and_never_past_its_key(world, phone):
    issued = await world.issue()
    assert world.challenges.until[issued.handle] == world.request.expires_at + 300
    given = await phone.claim(world.dispatch, world.link())
    await phone.answer(world.dispatch, given.challenge.challenge_id, SEALED)
    assert world.challenges.until[issued.handle] == world.request.verdict_due_at + 120
    late = int(HOUR.key_deadline(world.request.epoch))
    issued = await world.issue(login_id=b"M" * 16, expires_at=late - 1, verdict_due_at=late)
    assert world.challenges.until[issued.handle] == late


async def test_contention_ends(world, phone, monkeypatch):
    from challenge.domain.dispatch import ChangedMeanwhileError

    await world.issue()

    async def always_changed(stored, challenge, until):
        raise ChangedMeanwhileError

    monkeypatch.setattr(world.challenges, "replace", always_changed)
    with pytest.raises(Unavailable):
        await phone.claim(world.dispatch, world.link())


async def test_a_challenge_without_its_own_sheet_left_is_like_no_challenge(world, phone):
    await world.issue()
    stored = world.challenges.kept[world.issued.handle]
    world.challenges.kept[world.issued.handle] = replace(stored, challenge=replace(stored.challenge, sheets={}))
    await refused_with(Refusal.TOKEN_UNKNOWN, phone.claim(world.dispatch, world.link()))


async def test_a_claim_is_repeated_also_where_it_is_recalled_as_not_made_yet(world, phone, other_phone):
    await world.issue()
    handle = world.issued.handle
    fresh, token = world.challenges.kept[handle], world.qr()
    given = await phone.claim(world.dispatch, token)  # at another replica, and its answer was lost
    world.clock.advance(60)
    world.challenges.recent[handle] = fresh
    assert (await phone.claim(world.dispatch, token)).claim == given.claim
    # That refuses nobody less.
    world.challenges.recent[handle] = fresh
    await refused_with(Refusal.TOKEN_EXPIRED, other_phone.claim(world.dispatch, token))


async def test_a_withdrawn_challenge_is_not_claimed_where_it_is_recalled_as_open(world, phone):
    await world.issue()
    fresh = world.challenges.kept[world.issued.handle]
    await world.dispatch.withdraw(b"L" * 16)
    world.challenges.recent[world.issued.handle] = fresh
    await refused_with(Refusal.ALREADY_CANCELLED, phone.claim(world.dispatch, world.link()))


async def test_what_is_recalled_saves_reads_and_decides_nothing_by_itself(world, phone, other_phone):
    await world.issue()
    handle = world.issued.handle
    fresh = world.challenges.kept[handle]
    world.challenges.recent[handle] = fresh
    given = await phone.claim(world.dispatch, world.link())
    assert world.challenges.reads == 0
    challenge_id = given.challenge.challenge_id

    # Out of date: before the claim. An answer would be refused as not claimed, another claim would be granted.
    world.challenges.recent[handle] = fresh
    await phone.answer(world.dispatch, challenge_id, SEALED)
    world.challenges.recent[handle] = fresh
    await refused_with(Refusal.ALREADY_ANSWERED, other_phone.claim(world.dispatch, world.link()))
    # Out of date: the verdict is there, and nothing need be published any more.
    before_the_verdict = world.challenges.kept[handle]
    await world.dispatch.post_notice(b"L" * 16, b"notice")
    world.challenges.recent[handle] = before_the_verdict
    assert (await phone.answer(world.dispatch, challenge_id, SEALED)).state is State.REFUSED
    assert len(world.facts.answers) == 1
