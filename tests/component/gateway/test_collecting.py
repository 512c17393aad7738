"""Collecting: one code a login, the same redirect for ten seconds, and nothing promised while a peer is away."""

import asyncio

import pytest
from kit.errors import Unavailable

from tests.component.gateway.world import query_of


@pytest.fixture
async def ready(browser, city):
    """A verified QR login; returns its path."""
    await browser.authorize(city.request())
    path = browser.path
    phone = await browser.scanning_phone()
    await phone.approve()
    return path


async def test_a_repeated_collect_within_ten_seconds_gets_the_same_redirect(gateway, browser, ready):
    first = await browser.get(f"{ready}/wait")
    gateway.clock.advance(9)
    again = await browser.get(f"{ready}/collect")
    assert first.headers["location"] == again.headers["location"]


async def test_a_later_one_is_refused(gateway, browser, ready):
    await browser.get(f"{ready}/wait")
    gateway.clock.advance(11)
    response = await browser.get(f"{ready}/wait")
    assert (response.status_code, browser.problem) == (409, "already_collected")
    assert "location" not in response.headers


async def test_one_that_found_nobody_is_repeated_also_later(gateway, browser, ready, city):
    gateway.hung_up = True
    first = await browser.get(f"{ready}/wait")
    gateway.hung_up = False
    gateway.clock.advance(11)
    again = await browser.get(f"{ready}/wait")
    assert again.headers["location"] == first.headers["location"]
    assert (await city.redeem(city.code_of(again))).status_code == 200


async def test_one_of_which_nobody_knows_whether_it_was_stored_is_repeated_also_later(
    gateway, browser, ready, city, monkeypatch
):
    replace = gateway.logins_kept.replace

    async def late(*args, **kwargs):
        await replace(*args, **kwargs)
        raise Unavailable("the database does not answer", reason="database_gone")

    with monkeypatch.context() as patch:
        patch.setattr(gateway.logins_kept, "replace", late)
        assert (await browser.get(f"{ready}/wait")).status_code == 503
    gateway.clock.advance(11)
    code = city.code_of(await browser.get(f"{ready}/wait"))
    assert (await city.redeem(code)).status_code == 200


async def test_two_collects_at_once_get_the_same_code(gateway, browser, ready):
    both = await asyncio.gather(*(browser.http.get(f"{ready}/wait") for _ in range(4)))
    assert len({response.headers["location"] for response in both}) == 1


async def test_a_repeated_collect_after_redemption_gives_no_second_chance(gateway, browser, ready, city):
    code = city.code_of(await browser.get(f"{ready}/wait"))
    token = (await city.redeem(code)).json()["access_token"]
    again = await browser.get(f"{ready}/wait")
    if again.status_code == 303:
        assert query_of(again.headers["location"])["code"] == code
    assert (await city.userinfo(token)).status_code == 200


@pytest.mark.parametrize("away", ["pseudonym", "database"])
async def test_while_a_part_is_away_the_person_is_asked_to_wait(gateway, browser, city, ready, away):
    gateway.pseudonyms.away = away == "pseudonym"
    gateway.logins_kept.away = away == "database"
    response = await browser.get(f"{ready}/wait")
    assert (response.status_code, browser.problem) == (503, "unavailable")
    gateway.pseudonyms.away = gateway.logins_kept.away = False
    city.code_of(await browser.get(f"{ready}/wait"))


async def test_a_subject_that_pseudonym_refuses_ends_the_login(gateway, browser, city, ready):
    gateway.pseudonyms.refusing = "second_sector"
    assert city.error_of(await browser.get(f"{ready}/wait")) == ("access_denied", "card_not_accepted")
    await gateway.sweeper.sweep()
    ((_, outcome, _),) = await gateway.concluded()
    assert outcome == "refused"


async def test_a_client_that_was_removed_meanwhile_is_told_nothing(gateway, browser, ready):
    gateway.registrations.entries = [e for e in gateway.registrations.entries if e["client_id"] != "city"]
    await gateway.registry.refresh()
    response = await browser.get(f"{ready}/wait")
    assert response.status_code == 400
    assert "location" not in response.headers


async def test_the_sealed_handle_is_let_go_of_with_the_code(gateway, browser, ready):
    await browser.get(f"{ready}/wait")
    (login_id,) = gateway.logins_kept.rows
    assert b"sealed subject of hanako" not in (await gateway.logins_kept.get(login_id)).content


async def test_nothing_about_a_login_rests_in_clear(gateway, browser, city, ready):
    await browser.get(f"{ready}/wait")
    (row,) = gateway.logins_kept.rows.values()
    assert row.document.content == b""
    for planted in (b"city", city.state.encode(), city.nonce.encode(), "山田".encode()):
        assert planted not in row.box


async def test_a_redirect_uri_with_a_query_keeps_it(gateway, browser, city):
    (entry,) = [e for e in gateway.registrations.entries if e["client_id"] == "city"]
    uri = "https://city.test/callback?from=shirushi"
    entry["redirect_uris"].append(uri)
    await gateway.registry.refresh()
    await browser.authorize(city.request(redirect_uri=uri))
    path = browser.path
    await (await browser.scanning_phone()).approve()
    target = (await browser.get(f"{path}/wait")).headers["location"]
    assert query_of(target)["from"] == "shirushi"
    assert query_of(target)["code"]


async def test_a_private_scheme_is_a_redirect_uri_too(gateway, browser, city):
    (entry,) = [e for e in gateway.registrations.entries if e["client_id"] == "city"]
    entry["redirect_uris"].append("jp.test.city:/callback")
    entry["sector_identifier"] = "city.test"
    await gateway.registry.refresh()
    await browser.authorize(city.request(redirect_uri="jp.test.city:/callback"))
    phone = browser.phone()
    assert phone.sheet.origin == "jp.test.city:"
    await phone.approve()
    assert (await browser.come_back(phone)).headers["location"].startswith("jp.test.city:/callback?code=")


@pytest.mark.parametrize("reason", ["key_version_unknown", "database_refused", "caller_not_allowed"])
async def test_what_an_operator_must_mend_is_not_the_cards_fault(gateway, browser, city, ready, reason):
    gateway.pseudonyms.refusing = reason
    assert (await browser.get(f"{ready}/wait")).status_code == 503
    gateway.pseudonyms.refusing = ""
    assert city.code_of(await browser.get(f"{ready}/wait"))
