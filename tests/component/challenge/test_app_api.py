"""A phone and the app API: the whole path, each refusal with its code, and what the neighbours are told."""

import hashlib
from dataclasses import replace

import pytest
from kit.encoding import b64u
from shirushi.bus.v1 import envelope_pb2 as bus
from shirushi.challenge.v1 import events_pb2 as pb
from shirushi.evidence.v1 import evidence_pb2 as evidence

from tests.component.challenge.conftest import SEALED, SHEETS, T0

EPOCH = int(T0 // 60)


def assert_problem(response, status, code):
    assert (response.status_code, response.json()["code"]) == (status, code)
    assert response.headers["content-type"] == "application/problem+json"
    assert response.headers["cache-control"] == "no-store"
    assert response.json()["status"] == status


@pytest.mark.parametrize("transport", list(SHEETS))
async def test_a_phone_resolves_claims_answers_and_asks(service, app, transport):
    login = await service.issue()
    token = login.link if transport == "app_link" else login.qr
    resolved = await app.post("resolve", {"token": token})
    assert resolved.json() == {
        "challenge_id": resolved.json()["challenge_id"],
        "transport": transport.value,
        "state": "issued",
        "expires_at": int(T0) + 300,
    }

    claimed = (await app.claim(token)).json()
    key = claimed.pop("sealing_key")
    assert claimed == {
        "challenge_id": resolved.json()["challenge_id"],
        "epoch": EPOCH,
        "nonce": b64u(app.nonce),
        "expires_at": int(T0) + 300,
        "transport": transport.value,
        "network_hint": "unknown",
        "display_sheet": b64u(SHEETS[transport]),
    }
    verifiers = await service.deployment.custodies["verifier"].sealing_statement("verifier", EPOCH)
    assert key == {
        "service": "verifier",
        "epoch": EPOCH,
        "chain_id": b64u(verifiers.chain_id),
        "public_key": b64u(verifiers.public_key),
        "signature": b64u(verifiers.signature),
    }
    assert (await app.status()).json() == {"state": "claimed"}

    answered = await app.answer()
    assert (answered.status_code, answered.json()) == (202, {"state": "answered"})
    assert (await app.status()).json() == {"state": "answered"}

    [progress] = await service.told(bus.EVENT_TYPE_CHALLENGE_CLAIMED, pb.ChallengeClaimed)
    wire = {"app_link": evidence.TRANSPORT_APP_LINK, "qr": evidence.TRANSPORT_QR}[transport]
    assert progress.message == pb.ChallengeClaimed(transport=wire, claimed_at_ms=int(T0 * 1000))
    [fact] = await service.told(bus.EVENT_TYPE_CHALLENGE_ANSWERED, pb.ChallengeAnswered)
    assert (fact.login_id, fact.epoch) == (login.login_id, EPOCH)
    x, y = app.jwk["x"], app.jwk["y"]
    assert fact.message == pb.ChallengeAnswered(
        challenge_id=app.challenge_id,
        nonce=app.nonce,
        expires_at=int(T0) + 300,
        claim_key_thumbprint=hashlib.sha256(f'{{"crv":"P-256","kty":"EC","x":"{x}","y":"{y}"}}'.encode()).digest(),
        transport=wire,
        sealed_evidence=SEALED,
        answered_at_ms=int(T0 * 1000),
    )

    await service.dispatch.post_notice(login.login_id, b"sealed reason")
    assert (await app.status()).json() == {"state": "refused", "notice": b64u(b"sealed reason")}
    # The phone that missed its 202 gets the same one, whatever has happened since.
    assert (await app.answer()).json() == {"state": "answered"}


async def test_the_holder_gives_up_and_the_gateway_is_told_why(service, app):
    login = await service.issue()
    await app.claim(login.qr)
    cancelled = await app.cancel("pin_locked")
    assert (cancelled.status_code, cancelled.json()) == (200, {"state": "cancelled"})
    [fact] = await service.told(bus.EVENT_TYPE_CHALLENGE_CANCELLED, pb.ChallengeCancelled)
    assert fact.message == pb.ChallengeCancelled(by=pb.CANCELLED_BY_HOLDER, reason=pb.CANCEL_REASON_PIN_LOCKED)
    assert (await app.status()).json() == {"state": "cancelled"}
    assert_problem(await app.answer(), 409, "already_cancelled")


async def test_the_browser_gives_up_and_the_phone_sees_it(service, app):
    login = await service.issue()
    await app.claim(login.qr)
    await service.dispatch.withdraw(login.login_id)
    [fact] = await service.told(bus.EVENT_TYPE_CHALLENGE_CANCELLED, pb.ChallengeCancelled)
    assert fact.message == pb.ChallengeCancelled(by=pb.CANCELLED_BY_BROWSER)
    assert (await app.status()).json() == {"state": "cancelled"}


async def test_each_refusal_has_its_status_and_code(service, app, other_app, client):
    login = await service.issue()
    unknown = "a" + "A" * 43
    assert_problem(await app.post("resolve", {"token": unknown}), 404, "token_unknown")
    assert_problem(await app.claim(unknown), 404, "token_unknown")
    app.challenge_id, app.nonce = "c" + "A" * 22, b"n" * 32
    assert_problem(await app.answer(), 404, "challenge_unknown")
    app.challenge_id = "c" + login.link[1:22] + "A"
    await other_app.claim(login.link)
    app.challenge_id = other_app.challenge_id
    assert_problem(await app.claim(login.link), 409, "already_claimed")
    assert_problem(await app.answer(), 401, "proof_invalid")
    assert_problem(await app.cancel("declined"), 401, "proof_invalid")
    assert_problem(await app.status(), 401, "proof_invalid")
    await other_app.answer()
    assert_problem(await other_app.answer(SEALED + b"!"), 409, "already_answered")
    assert_problem(await other_app.cancel("declined"), 409, "already_answered")

    second = await service.issue()
    unclaimed = (await app.post("resolve", {"token": second.link})).json()["challenge_id"]
    app.challenge_id = unclaimed
    assert_problem(await app.answer(), 409, "not_claimed")
    service.clock.advance(15)
    assert_problem(await app.post("resolve", {"token": second.qr}), 410, "token_expired")
    service.clock.advance(300)
    assert_problem(await app.post("resolve", {"token": second.link}), 410, "challenge_expired")
    response = await app.claim(second.link)
    assert_problem(response, 410, "challenge_expired")


async def test_an_answer_of_another_login_is_refused(service, app):
    await app.claim((await service.issue()).link)
    proof = app.answer_proof(app.challenge_id, SEALED)
    await app.claim((await service.issue()).link)
    body = {"sealed_evidence": b64u(SEALED), "proof": proof}
    assert_problem(await app.post(f"{app.challenge_id}/answer", body), 401, "proof_invalid")


async def test_absent_neighbours_ask_to_try_again_and_nothing_is_lost(service, app):
    login = await service.issue()
    service.collection.away = True
    assert_problem(await app.claim(login.link), 503, "unavailable")
    service.collection.away = False
    await app.claim(login.link)
    service.hub.away = True
    response = await app.answer()
    assert_problem(response, 503, "unavailable")
    assert response.headers["retry-after"] == "1"
    assert (await app.status()).json() == {"state": "answering"}
    service.hub.away = False
    assert (await app.answer()).status_code == 202
    assert len(await service.told(bus.EVENT_TYPE_CHALLENGE_ANSWERED, pb.ChallengeAnswered)) == 1


async def test_a_claim_stands_though_its_progress_cannot_be_published(service, app, monkeypatch):
    monkeypatch.setattr("challenge.events.backoff", lambda _: 0)
    login = await service.issue()
    service.hub.away = True
    assert (await app.claim(login.link)).status_code == 200
    await service.published()
    service.hub.away = False
    assert await service.told(bus.EVENT_TYPE_CHALLENGE_CLAIMED, pb.ChallengeClaimed) == []


async def test_after_the_deadline_nothing_can_be_read_any_more(service, app):
    login = await service.issue()
    await app.claim(login.link)
    await app.answer()
    # Whatever the database has kept: the documents are there until its own deadline index comes round.
    for row in service.collection.rows.values():
        row.document = replace(row.document, expires_at=T0 + 7200)
    service.clock.advance(3600)
    assert_problem(await app.status(), 410, "challenge_expired")
    assert_problem(await app.answer(), 410, "challenge_expired")
    assert_problem(await app.post("resolve", {"token": login.link}), 410, "challenge_expired")


async def test_what_is_kept_for_no_longer_is_as_if_it_had_never_been(service, app):
    login = await service.issue()
    await app.claim(login.link)
    service.clock.advance(601)
    assert_problem(await app.status(), 404, "challenge_unknown")
    assert_problem(await app.claim(login.link), 404, "token_unknown")


async def test_a_login_whose_keepers_were_lost_is_over(service, app):
    login = await service.issue()
    await app.claim(login.link)
    row = service.collection.rows[next(iter(service.collection.rows))]
    row.box = row.box[:-1] + bytes([row.box[-1] ^ 1])
    assert_problem(await app.status(), 410, "challenge_expired")


async def test_what_rests_shows_no_evidence_nonce_or_sheet(service, app):
    login = await service.issue()
    await app.claim(login.link)
    await app.answer()
    [(handle, row)] = service.collection.rows.items()
    in_clear = repr((handle, row.document, row.box)).encode()
    for secret in (app.nonce, SEALED[:16], SHEETS["app_link"], login.login_id, app.point[1:17]):
        assert repr(secret)[2:-1].encode() not in in_clear
    assert row.document.state == "answered"


async def test_requests_are_counted_by_route_and_not_by_path(service, app, client):
    login = await service.issue()
    await app.claim(login.link)
    await app.status()
    await client.get("/v1/challenges/cAAAAAAAAAAAAAAAAAAAAAA/status")
    await client.get("/nowhere/at/all")
    assert service.watched == [("claim", 200), ("status", 200), ("status", 405), ("none", 404)]
