"""Whole logins: from the authorization request to userinfo, by both transports."""

import pytest
from joserfc import jwt
from joserfc.jwk import KeySet
from shirushi.bus.v1 import envelope_pb2 as bus
from shirushi.challenge.v1 import events_pb2 as challenge
from shirushi.gateway.v1 import events_pb2 as pb
from shirushi.verifier.v1 import events_pb2 as verifier

from tests.component.gateway.phone import PERSON
from tests.component.gateway.world import ISSUER, OIDC


async def claims_of(gateway, token):
    async with gateway.http() as http:
        keys = KeySet.import_key_set((await http.get(f"{OIDC}/certs")).json())
    return jwt.decode(token, keys, algorithms=["ES256"]).claims


async def test_a_person_logs_in_by_app_link(gateway, browser, city):
    page = await browser.authorize(city.request())
    assert page.status_code == 200
    phone = browser.phone()
    await phone.approve()
    code = city.code_of(await browser.come_back(phone))
    answer = (await city.redeem(code)).json()
    assert answer["token_type"] == "Bearer"
    assert answer["expires_in"] == 300
    assert answer["scope"] == "openid name address birthdate gender"
    claims = await claims_of(gateway, answer["id_token"])
    assert claims["iss"] == ISSUER
    assert claims["aud"] == "city"
    assert claims["nonce"] == city.nonce
    assert claims["acr"] == "aal3"
    told = (await city.userinfo(answer["access_token"])).json()
    assert told == {"sub": claims["sub"], **PERSON}
    assert await gateway.concluded() == [(phone.login_id, "completed", None)]


async def test_a_person_logs_in_by_qr_and_the_waiting_page_goes_on_by_itself(gateway, browser, city):
    await browser.authorize(city.request())
    path = browser.path
    phone = await browser.scanning_phone()
    assert (await browser.get(f"{path}/wait")).status_code == 200
    await phone.approve()
    code = city.code_of(await browser.get(f"{path}/wait"))
    assert (await city.redeem(code)).status_code == 200
    assert await gateway.concluded() == [(phone.login_id, "completed", None)]


async def test_what_was_not_agreed_to_is_not_told(browser, started, city):
    phone = await started()
    await phone.approve(agreed=["name"])
    code = city.code_of(await browser.come_back(phone))
    token = (await city.redeem(code)).json()["access_token"]
    assert (await city.userinfo(token)).json().keys() == {"sub", "name"}


async def test_what_was_not_asked_is_not_told_even_when_the_verdict_holds_it(gateway, browser, started, city):
    phone = await started(scope="openid name")
    message = phone.verified()
    message.verified.attributes.address = PERSON["address"]
    await phone.verdict(message)
    code = city.code_of(await browser.come_back(phone))
    token = (await city.redeem(code)).json()["access_token"]
    assert (await city.userinfo(token)).json().keys() == {"sub", "name"}


async def test_pseudonym_is_asked_with_the_commitments_blind_and_the_sectors_label(gateway, started, collected):
    await collected()
    ((login_id, epoch, sealed, label, blind, version),) = gateway.pseudonyms.asked
    assert sealed == b"sealed subject of hanako"
    assert len(label) == len(blind) == 32
    assert b"city" not in label
    assert (epoch, version) == (gateway.hour.epoch_of(gateway.clock.now()), 1)
    assert gateway.state(login_id) == "collected"


async def test_the_request_is_told_to_the_auditors_before_the_page_is_shown(gateway, started):
    phone = await started(scope="openid name unknown")
    (event,) = await gateway.told(bus.EVENT_TYPE_LOGIN_REQUESTED, pb.LoginRequested)
    assert event.login_id == phone.login_id
    assert (event.message.client_id, list(event.message.scopes)) == ("city", ["openid", "name"])


async def test_a_login_starts_on_one_replica_and_ends_on_another(gateway, browser, other_browser, city):
    await browser.authorize(city.request())
    phone = browser.phone()
    await phone.approve()
    other_browser.http.cookies = browser.http.cookies
    city.code_of(await other_browser.come_back(phone))


async def test_the_sheet_shows_what_the_browser_page_shows(browser, started):
    phone = await started(scope="openid name gender", ui_locales="en")
    sheet = phone.sheet
    assert (sheet.rp_name, sheet.purpose) == ("The desk of city", "to know you")
    assert sheet.origin == "https://city.test"
    assert phone.asked == [("name", False), ("gender", False)]
    assert (sheet.browser_family, sheet.browser_system) == ("Firefox", "Windows")
    for shown in (sheet.rp_name, sheet.purpose, sheet.origin):
        assert shown in browser.page.text


PROGRESS = {
    "claimed": ("challenge", bus.EVENT_TYPE_CHALLENGE_CLAIMED, challenge.ChallengeClaimed()),
    "delayed": ("verifier", bus.EVENT_TYPE_VERIFICATION_DELAYED, verifier.VerificationDelayed(attempts=2)),
}


@pytest.mark.parametrize("moment", PROGRESS)
async def test_progress_changes_nothing(gateway, started, moment):
    phone = await started()
    sender, type_, message = PROGRESS[moment]
    await getattr(gateway, sender).publish(type_, phone.login_id, phone.epoch, message)
    await gateway.hub.settle()
    assert gateway.state(phone.login_id) == "waiting"
    assert not gateway.hub.dead_letters


async def test_the_qr_code_alone_is_offered_where_the_client_allows_nothing_else(browser, bank):
    await browser.authorize(bank.request(scope="openid name"))
    assert browser.app_link is None
    assert browser.qr_path is not None
    assert browser.find(r'id="(test-card)"') is None
