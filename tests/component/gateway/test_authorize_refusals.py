"""The authorization endpoint's refusals: one row, one rule. What cannot be trusted with a redirect gets a page."""

from urllib.parse import urlencode

import pytest

from tests.component.gateway.relying_party import NOTHING
from tests.component.gateway.world import OIDC

LONG = "x" * 3000
SHOWN_TO_THE_PERSON = [
    ("client_id", NOTHING, "client_id_missing"),
    ("client_id", "", "client_id_missing"),
    ("client_id", "nobody", "client_id_unknown"),
    ("client_id", "CITY", "client_id_unknown"),
    ("client_id", LONG, "request_unreadable"),
    ("redirect_uri", NOTHING, "redirect_uri_missing"),
    ("redirect_uri", "", "redirect_uri_missing"),
    ("redirect_uri", "https://evil.test/callback", "redirect_uri_unregistered"),
    ("redirect_uri", "https://city.test/callback/", "redirect_uri_unregistered"),
    ("redirect_uri", "https://city.test/callback?x=1", "redirect_uri_unregistered"),
    ("redirect_uri", "https://city.test/callback#x", "redirect_uri_unregistered"),
    ("redirect_uri", "https://city.test.evil.test/callback", "redirect_uri_unregistered"),
    ("redirect_uri", "https://CITY.test/callback", "redirect_uri_unregistered"),
    ("redirect_uri", "https://bank.test/callback", "redirect_uri_unregistered"),
    ("redirect_uri", "javascript:alert(1)", "redirect_uri_unregistered"),
    ("redirect_uri", LONG, "request_unreadable"),
]
SENT_BACK = [
    ("response_type", NOTHING, "invalid_request"),
    ("response_type", "", "invalid_request"),
    ("response_type", "token", "unsupported_response_type"),
    ("response_type", "code id_token", "unsupported_response_type"),
    ("response_type", LONG, "invalid_request"),
    ("response_mode", "fragment", "invalid_request"),
    ("scope", NOTHING, "invalid_scope"),
    ("scope", "name", "invalid_scope"),
    ("scope", "OPENID", "invalid_scope"),
    ("scope", "openid sign", "invalid_scope"),
    ("scope", LONG, "invalid_request"),
    ("state", NOTHING, "invalid_request"),
    ("state", "", "invalid_request"),
    ("state", "x" * 256, "invalid_request"),
    ("state", "日本", "invalid_request"),
    ("state", "a\nb", "invalid_request"),
    ("state", "a\x7fb", "invalid_request"),
    ("nonce", NOTHING, "invalid_request"),
    ("nonce", "", "invalid_request"),
    ("nonce", "x" * 256, "invalid_request"),
    ("nonce", "a\0b", "invalid_request"),
    ("code_challenge", NOTHING, "invalid_request"),
    ("code_challenge", "", "invalid_request"),
    ("code_challenge", "short", "invalid_request"),
    ("code_challenge", "x" * 129, "invalid_request"),
    ("code_challenge", "+" * 43, "invalid_request"),
    ("code_challenge_method", NOTHING, "invalid_request"),
    ("code_challenge_method", "plain", "invalid_request"),
    ("code_challenge_method", "s256", "invalid_request"),
    ("request", "eyJhbGciOiJub25lIn0.e30.", "request_not_supported"),
    ("request_uri", "https://city.test/request", "request_uri_not_supported"),
    ("registration", "{}", "registration_not_supported"),
    ("prompt", "none", "login_required"),
    ("prompt", "none login", "invalid_request"),
    ("max_age", "soon", "invalid_request"),
    ("max_age", "-1", "invalid_request"),
    ("sign_transaction_id", "3f2504e0-4f89-11d3-9a0c-0305e82c3301", "invalid_scope"),
]
EVERY_PARAMETER = sorted({name for name, _, _ in SENT_BACK} | {"ui_locales", "acr_values", "unknown"})


@pytest.mark.parametrize(("name", "value", "reason"), SHOWN_TO_THE_PERSON)
@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_what_cannot_be_redirected_is_shown_to_the_person(gateway, browser, city, name, value, reason, method):
    page = await browser.authorize(city.request(**{name: value}), method)
    assert page.status_code == 400
    assert "location" not in page.headers
    assert browser.problem == reason
    assert not gateway.logins_kept.rows


@pytest.mark.parametrize(("name", "value", "error"), SENT_BACK)
async def test_what_breaks_a_rule_goes_back_with_state_and_issuer(gateway, browser, city, name, value, error):
    response = await browser.authorize(city.request(**{name: value}))
    told, description = city.error_of(response, value if value == "x" * 256 and name == "state" else None)
    assert told == error
    assert description
    if name != "state":
        assert f"state={city.state}" in response.headers["location"]
    assert not gateway.logins_kept.rows
    assert not gateway.challenges.issued
    assert not browser.login_cookies


async def test_a_state_that_is_too_long_for_a_login_is_sent_back_all_the_same(browser, city):
    state = "x" * 2000
    response = await browser.authorize(city.request(state=state))
    assert f"state={state}" in response.headers["location"]
    assert city.error_of(response, state)[0] == "invalid_request"


async def test_a_scope_that_the_client_is_not_registered_for_goes_back(browser, bank):
    response = await browser.authorize(bank.request(scope="openid address"))
    assert bank.error_of(response)[0] == "invalid_scope"


@pytest.mark.parametrize("name", EVERY_PARAMETER)
async def test_a_doubled_parameter_goes_back(browser, city, name):
    pairs = [*city.request().items()]
    pairs += [(name, "one"), (name, "one")] if name not in city.request() else [(name, city.request()[name])]
    response = await browser.get(f"{OIDC}/auth?{urlencode(pairs)}")
    assert city.error_of(response)[0] == "invalid_request"


@pytest.mark.parametrize("name", ["client_id", "redirect_uri"])
async def test_a_doubled_client_or_redirect_uri_is_shown_to_the_person(browser, city, name):
    query = urlencode([*city.request().items(), (name, city.request()[name])])
    page = await browser.get(f"{OIDC}/auth?{query}")
    assert (page.status_code, browser.problem) == (400, "request_unreadable")


@pytest.mark.parametrize("name", EVERY_PARAMETER)
async def test_a_parameter_that_is_not_utf8_goes_back(browser, city, name):
    query = urlencode(city.request(**{name: NOTHING})) + f"&{name}=%ff%fe"
    assert city.error_of(await browser.get(f"{OIDC}/auth?{query}"))[0] == "invalid_request"


@pytest.mark.parametrize("name", ["client_id", "redirect_uri"])
async def test_a_client_or_redirect_uri_that_is_not_utf8_is_shown_to_the_person(browser, city, name):
    query = urlencode(city.request(**{name: NOTHING})) + f"&{name}=%ff%fe"
    page = await browser.get(f"{OIDC}/auth?{query}")
    assert (page.status_code, browser.problem) == (400, "request_unreadable")


async def test_a_state_that_broke_its_rule_is_not_sent_back(browser, city):
    response = await browser.authorize(city.request(state="a\nb"))
    assert "state=" not in response.headers["location"]


async def test_too_many_parameters_are_shown_to_the_person(browser, city):
    query = urlencode([*city.request().items(), *((f"p{n}", "1") for n in range(200))])
    page = await browser.get(f"{OIDC}/auth?{query}")
    assert (page.status_code, browser.problem) == (400, "request_unreadable")


async def test_a_post_must_be_a_form(browser, city):
    response = await browser.http.post(f"{OIDC}/auth", json=city.request())
    assert response.status_code == 400
    assert "location" not in response.headers


async def test_a_post_means_the_same_as_a_get(browser, city):
    assert (await browser.authorize(city.request(), "POST")).status_code == 200
    assert browser.app_link


@pytest.mark.parametrize(
    "extra", [{"acr_values": "aal3 crl"}, {"prompt": "login"}, {"max_age": "60"}, {"display": "page"}]
)
async def test_parameters_that_change_nothing_are_taken(browser, city, extra):
    assert (await browser.authorize(city.request(**extra))).status_code == 200


@pytest.mark.parametrize("gone", ["challenge", "database", "bus"])
async def test_while_a_part_is_away_the_relying_party_is_told_to_try_again(gateway, browser, city, gone):
    gateway.challenges.away = gone == "challenge"
    gateway.logins_kept.away = gone == "database"
    gateway.hub.away = gone == "bus"
    response = await browser.authorize(city.request())
    assert city.error_of(response)[0] == "temporarily_unavailable"


async def test_a_challenge_that_refuses_is_no_reason_to_fail(gateway, browser, city):
    gateway.challenges.refusing = True
    assert city.error_of(await browser.authorize(city.request()))[0] in {"temporarily_unavailable", "server_error"}


async def test_other_methods_are_refused(browser, city):
    response = await browser.http.put(f"{OIDC}/auth", data=city.request())
    assert response.status_code == 405
