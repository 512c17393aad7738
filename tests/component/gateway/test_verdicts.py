"""What a verdict does: the first counts, for the very request it is about, and its reason stays with the phone."""

import pytest
from shirushi.bus.v1 import envelope_pb2 as bus
from shirushi.challenge.v1 import events_pb2 as challenge
from shirushi.evidence.v1 import evidence_pb2 as evidence
from shirushi.gateway.v1 import events_pb2 as pb
from shirushi.verifier.v1 import events_pb2 as verifier

from tests.component.gateway.browser import Browser
from tests.component.gateway.world import query_of

REASONS = {number: name for name, number in verifier.Reason.items() if number}
CLASSES = {
    "cancelled": {"CANCELLED_BY_HOLDER", "CANCELLED_BY_BROWSER", "ATTRIBUTE_DECLINED"},
    "could_not_be_checked": {"REVOCATION_UNAVAILABLE"},
    "expired": {"CHALLENGE_EXPIRED"},
}


def class_of(reason):
    name = REASONS[reason].removeprefix("REASON_")
    return next((told for told, names in CLASSES.items() if name in names), "card_not_accepted")


def refused(reason):
    return verifier.VerificationCompleted(refused=verifier.Refused(reason=reason))


@pytest.mark.parametrize("reason", sorted(REASONS), ids=REASONS.get)
async def test_a_refusal_reaches_the_relying_party_as_one_of_four_classes(gateway, browser, started, city, reason):
    phone = await started()
    path = browser.path
    await phone.refuse(reason)
    response = await browser.get(f"{path}/wait")
    assert city.error_of(response) == ("access_denied", class_of(reason))
    assert REASONS[reason].lower() not in response.headers["location"].lower()
    assert await gateway.concluded() == [(phone.login_id, "refused", reason)]


async def test_a_notice_goes_to_the_phone_once_and_is_kept_no_longer(gateway, started):
    phone = await started()
    await phone.refuse(verifier.REASON_CERTIFICATE_REVOKED, b"sealed notice")
    assert gateway.challenges.notices == [(phone.login_id, b"sealed notice")]
    assert b"sealed notice" not in (await gateway.logins_kept.get(phone.login_id)).content


async def test_a_phone_is_told_of_a_refusal_also_without_a_notice(gateway, started):
    phone = await started()
    await phone.refuse(verifier.REASON_EVIDENCE_UNREADABLE, b"")
    assert gateway.challenges.notices == [(phone.login_id, b"")]


async def test_a_notice_is_tried_again_while_challenge_is_away_and_the_outcome_does_not_hang_on_it(gateway, started):
    phone = await started()
    gateway.challenges.away = True
    message = verifier.VerificationCompleted(
        refused=verifier.Refused(reason=verifier.REASON_CERTIFICATE_REVOKED, notice=b"n")
    )
    await gateway.verifier.publish(bus.EVENT_TYPE_VERIFICATION_COMPLETED, phone.login_id, phone.epoch, message)
    gateway.challenges.away = False
    await gateway.hub.settle()
    assert gateway.state(phone.login_id) == "refused"
    assert {outcome for _, outcome, _ in await gateway.concluded()} == {"refused"}
    assert gateway.challenges.notices == [(phone.login_id, b"n")]


async def test_the_same_verdict_again_changes_nothing(gateway, browser, started, city):
    phone = await started()
    await phone.approve()
    code = city.code_of(await browser.come_back(phone))
    (record,) = gateway.hub.of("shirushi.verification.completed.v1")
    await gateway.hub.deliver_again(record)
    await gateway.hub.settle()
    assert gateway.state(phone.login_id) == "collected"
    assert (await city.redeem(code)).status_code == 200
    await gateway.hub.deliver_again(record)
    await gateway.hub.settle()
    assert len(await gateway.concluded()) == 1


@pytest.mark.parametrize("first", ["verified", "refused"])
async def test_of_two_verdicts_the_first_counts(gateway, started, first):
    phone = await started()
    both = {"verified": phone.verified(), "refused": refused(verifier.REASON_SIGNATURE_INVALID)}
    await phone.verdict(both.pop(first))
    await phone.verdict(both.popitem()[1])
    assert gateway.state(phone.login_id) == first


async def test_a_verdict_about_another_login_is_a_binding_mismatch(gateway, browser, other_browser, city):
    await browser.authorize(city.request())
    mine = browser.phone()
    await other_browser.authorize(city.request())
    others = other_browser.phone()
    await mine.verdict(mine.verified(), login_id=others.login_id)
    assert gateway.state(mine.login_id) == "waiting"
    assert await gateway.concluded() == [(others.login_id, "refused", verifier.REASON_BINDING_MISMATCH)]


MISMATCHES = {
    "another transport's": lambda phone: phone.binding("nfc"),
    "empty": lambda _: b"",
    "short": lambda phone: phone.binding()[:31],
    "random": lambda _: b"x" * 32,
}


@pytest.mark.parametrize("kind", MISMATCHES)
async def test_another_binding_is_refused(gateway, browser, started, city, kind):
    phone = await started()
    path = browser.path
    await phone.approve(binding=MISMATCHES[kind](phone))
    assert await gateway.concluded() == [(phone.login_id, "refused", verifier.REASON_BINDING_MISMATCH)]
    assert city.error_of(await browser.get(f"{path}/wait"))[1] == "card_not_accepted"


@pytest.mark.parametrize("field", ["client_id", "rp_name", "origin", "purpose", "blind", "sector_commitment"])
async def test_a_sheet_that_was_altered_on_its_way_ends_in_a_binding_mismatch(gateway, started, field):
    phone = await started()
    value = getattr(phone.sheet, field)
    setattr(phone.sheet, field, value[::-1])
    await phone.approve()
    assert await gateway.concluded() == [(phone.login_id, "refused", verifier.REASON_BINDING_MISMATCH)]


async def test_the_transport_is_what_the_holder_signed_and_not_what_challenge_says(gateway, browser, started):
    """A QR answer with the app link's binding needs the app's way back; the first tab does not advance."""
    phone = await started()
    path = browser.path
    message = challenge.ChallengeClaimed(transport=evidence.TRANSPORT_QR)
    await gateway.challenge.publish(bus.EVENT_TYPE_CHALLENGE_CLAIMED, phone.login_id, phone.epoch, message)
    await phone.approve()
    assert "location" not in (await browser.get(f"{path}/wait")).headers


async def test_a_transport_that_the_client_does_not_allow_is_refused(gateway, browser, bank):
    await browser.authorize(bank.request(scope="openid name"))
    phone = await browser.scanning_phone()
    await phone.approve(binding=phone.binding("app_link"))
    assert await gateway.concluded() == [(phone.login_id, "refused", verifier.REASON_BINDING_MISMATCH)]


async def test_an_essential_attribute_must_be_agreed_to(gateway, browser, desk):
    await browser.authorize(desk.request(scope="openid name address"))
    phone = browser.phone()
    assert phone.asked == [("name", True), ("address", False)]
    await phone.approve(agreed=["address"])
    assert await gateway.concluded() == [(phone.login_id, "refused", verifier.REASON_ATTRIBUTE_DECLINED)]


UNACCEPTABLE = {
    "more than was asked": {"agreed": ["name", "gender"]},
    "of unknown assurance": {"assurance": 99},
    "without assurance": {"assurance": verifier.ASSURANCE_UNSPECIFIED},
}


@pytest.mark.parametrize("kind", UNACCEPTABLE)
async def test_a_verdict_that_makes_no_sense_is_a_refusal(gateway, started, kind):
    phone = await started(scope="openid name")
    await phone.approve(**UNACCEPTABLE[kind])
    ((_, outcome, reason),) = await gateway.concluded()
    assert (outcome, reason in REASONS) == ("refused", True)


async def test_attributes_of_an_unknown_source_are_refused(gateway, started):
    phone = await started()
    message = phone.verified()
    message.verified.attributes.source = 0
    await phone.verdict(message)
    assert gateway.state(phone.login_id) == "refused"


async def test_an_unknown_outcome_is_no_success(gateway, started):
    phone = await started()
    await phone.verdict(verifier.VerificationCompleted())
    assert gateway.state(phone.login_id) == "refused"


async def test_a_phones_certificate_is_told_as_such(gateway, browser, started, city):
    phone = await started()
    await phone.approve(assurance=verifier.ASSURANCE_PHONE)
    code = city.code_of(await browser.come_back(phone))
    assert (await city.redeem(code)).status_code == 200


async def test_a_verdict_about_a_login_that_is_not_here_is_dropped(gateway, started):
    phone = await started()
    await phone.verdict(phone.verified(), login_id=b"nobody's login id"[:16])
    assert not gateway.hub.dead_letters
    assert not await gateway.told(bus.EVENT_TYPE_LOGIN_CONCLUDED, pb.LoginConcluded)


async def test_an_event_that_the_verifier_has_not_signed_logs_nobody_in(gateway, started):
    phone = await started()
    forged = await gateway.deployment.codecs["verifier"].seal(
        bus.EVENT_TYPE_VERIFICATION_COMPLETED, phone.login_id, phone.epoch, phone.verified()
    )
    envelope = bus.Envelope.FromString(forged)
    envelope.signature = gateway.deployment.signing_keys["challenge"].sign(b"anything")
    topic = "shirushi.verification.completed.v1"
    await gateway.hub.append(topic, phone.login_id, envelope.SerializeToString())
    await gateway.hub.settle()
    assert gateway.state(phone.login_id) == "waiting"
    assert len(gateway.hub.dead_letters) == 1


async def test_a_refused_login_ends_the_same_way_however_often_it_is_asked(gateway, browser, started):
    phone = await started()
    path = browser.path
    await phone.refuse(verifier.REASON_CERTIFICATE_EXPIRED)
    first = (await browser.get(f"{path}/wait")).headers["location"]
    assert (await browser.get(f"{path}/collect")).headers["location"] == first
    assert (await browser.come_back(phone)).headers["location"] == first
    assert query_of(first)["error"] == "access_denied"
    stranger = Browser(gateway)
    assert (await stranger.get(f"{path}/wait")).status_code == 403
