"""The app's way back and the typed code: a link that travelled logs nobody in but the browser that asked."""

import asyncio
import re

import pytest

from tests.component.gateway.browser import Browser
from tests.component.gateway.world import OIDC

CODE = r'id="typed-code"[^>]*>\s*([0-9A-Z]+)\s*<'


async def test_the_first_tab_never_advances_by_itself_for_an_app_link(browser, started, city):
    phone = await started()
    path = browser.path
    await phone.approve()
    for where in ("wait", "collect", "wait"):
        response = await browser.get(f"{path}/{where}")
        assert response.status_code in {200, 404}
        assert "location" not in response.headers
    city.code_of(await browser.come_back(phone))


async def test_a_way_back_before_the_verdict_waits_and_then_goes_on(browser, started, city):
    phone = await started()
    page = await browser.come_back(phone)
    assert page.status_code == 200
    path = browser.path
    await phone.approve()
    city.code_of(await browser.get(f"{path}/wait"))


async def test_who_has_come_back_is_told_that_nothing_is_left_to_do(gateway, browser, started):
    phone = await started(ui_locales="ja")
    page = await browser.come_back(phone)
    assert browser.find(r'<h1 data-stage="answered">([^<]+)<') == "確認しています"
    assert re.search(r'<h1 data-stage="asked" hidden>', page.text)


async def test_a_return_into_another_browser_after_the_end_offers_no_code(browser, other_browser, started):
    phone = await started()
    await phone.cancel()
    page = await other_browser.come_back(phone)
    assert (page.status_code, other_browser.problem) == (410, "gone")
    assert other_browser.find(CODE) is None


async def test_an_app_link_sent_to_someone_else_leaves_the_senders_browser_waiting(
    gateway, browser, other_browser, started
):
    phone = await started()
    path = browser.path
    await phone.approve()
    page = await other_browser.come_back(phone)
    assert page.status_code == 200
    assert "location" not in page.headers
    assert "iss=" not in page.text
    response = await browser.get(f"{path}/wait")
    assert "location" not in response.headers
    assert gateway.state(phone.login_id) == "verified"


async def test_a_return_into_another_browser_shows_a_code_and_typing_it_into_the_first_completes(
    browser, other_browser, started, city
):
    phone = await started()
    path = browser.path
    await phone.approve()
    await other_browser.come_back(phone)
    code = other_browser.find(CODE)
    assert len(code) == 6
    assert not other_browser.login_cookies
    await browser.get(f"{path}/wait")
    response = await browser.post(f"{path}/code", code=f" {code[:3].lower()}-{code[3:]} ")
    assert response.status_code == 303
    response = await browser.settled()
    city.code_of(response)


async def test_the_shown_code_is_worth_nothing_in_the_browser_that_shows_it(browser, other_browser, started):
    phone = await started()
    path = browser.path
    await phone.approve()
    await other_browser.come_back(phone)
    response = await other_browser.post(f"{path}/code", code=other_browser.find(CODE))
    assert response.status_code == 403
    assert other_browser.problem == "wrong_browser"


async def test_five_wrong_codes_and_the_right_one_is_refused_too(browser, other_browser, started):
    phone = await started()
    path = browser.path
    await phone.approve()
    await other_browser.come_back(phone)
    right = other_browser.find(CODE)
    for _ in range(5):
        response = await browser.post(f"{path}/code", code="AAAAAA")
        assert response.status_code in {403, 429}
        assert "location" not in response.headers
    response = await browser.post(f"{path}/code", code=right)
    assert "location" not in response.headers
    assert browser.problem == "typed_code_spent"
    assert not re.search(r"<form[^>]*/code", response.text)
    assert "もう少しで" not in response.text


async def test_of_guesses_that_come_together_no_more_are_looked_at_than_five(gateway, browser, other_browser, started):
    phone = await started()
    await phone.approve()
    await other_browser.come_back(phone)
    right = other_browser.find(CODE)
    path = browser.path
    guesses = [browser.post(f"{path}/code", code="AAAAAA") for _ in range(20)]
    answers = [answer.status_code for answer in await asyncio.gather(*guesses)]
    # Those that lost the race for being counted were not compared and may be sent again.
    assert set(answers) <= {403, 429, 503}
    assert answers.count(403) < 5
    while (answer := await browser.post(f"{path}/code", code="AAAAAA")).status_code != 429:
        assert answer.status_code == 403
    assert (await browser.post(f"{path}/code", code=right)).status_code == 429


async def test_four_wrong_codes_are_forgiven(browser, other_browser, started):
    phone = await started()
    path = browser.path
    await phone.approve()
    await other_browser.come_back(phone)
    for _ in range(4):
        assert (await browser.post(f"{path}/code", code="AAAAAA")).status_code == 403
    response = await browser.post(f"{path}/code", code=other_browser.find(CODE))
    assert response.status_code == 303


@pytest.mark.parametrize(
    "body", [b"", b"code=", b"code=%ff", b"code=a&code=b", b"code=" + b"x" * 500, b"x=" + b"1" * 70]
)
async def test_a_code_that_cannot_be_read(browser, started, body):
    phone = await started()
    path = browser.path
    await phone.approve()
    headers = {"content-type": "application/x-www-form-urlencoded"}
    response = await browser.http.post(f"{path}/code", content=body, headers=headers)
    assert response.status_code in {400, 403}
    assert "location" not in response.headers


@pytest.mark.parametrize("where", ["wait", "collect", "events"])
async def test_another_browser_is_refused(browser, other_browser, started, where):
    phone = await started()
    path = browser.path
    await phone.approve()
    response = await other_browser.get(f"{path}/{where}")
    assert response.status_code in {403, 404}
    assert "location" not in response.headers


async def test_another_browser_cannot_cancel(gateway, browser, other_browser, started):
    phone = await started()
    response = await other_browser.post(f"{browser.path}/cancel")
    assert (response.status_code, other_browser.problem) == (403, "wrong_browser")
    assert gateway.state(phone.login_id) == "waiting"


async def test_a_cookie_of_another_login_or_a_made_up_value_is_none(gateway, browser, started, city):
    phone = await started()
    path = browser.path
    ((name, value),) = browser.login_cookies.items()
    stranger = Browser(gateway)
    await stranger.authorize(city.request())
    ((_, others),) = stranger.login_cookies.items()
    for wrong in (others, "", "x", value[:-2], value + "A", "é", "A" * 22):
        header = {"cookie": f"{name}={wrong}".encode("latin-1")}
        async with gateway.http(headers=header) as http:
            response = await http.get(f"{path}/wait")
            assert response.status_code == 403
            response = await http.get(phone.return_path)
            assert not response.headers.get("location", "").startswith("https://")


@pytest.mark.parametrize("query", ["", "?c=", "?c=x", "?c=" + "A" * 200, "?c=%ff", "?c=a&c=b", "?c=" + "x" * 900])
async def test_a_way_back_that_is_none(browser, started, query):
    await started()
    response = await browser.get(f"/return{query}")
    assert response.status_code in {400, 410}
    assert browser.problem in {"gone", "request_unreadable"}


async def test_tokens_of_other_kinds_lead_nowhere(browser, started):
    phone = await started()
    page_ref = browser.path.split("/")[2]
    return_ref = phone.return_path.split("c=")[1]
    assert (await browser.get(f"/return?c={page_ref}")).status_code == 410
    assert (await browser.get(f"/login/{return_ref}/wait")).status_code == 410


async def test_a_client_may_want_a_code_typed_after_a_qr_login(browser, desk):
    await browser.authorize(desk.request())
    path = browser.path
    phone = await browser.scanning_phone()
    await phone.approve()
    response = await browser.get(f"{path}/wait")
    assert response.status_code == 200
    assert browser.find(r'name="(code)"')
    response = await browser.post(f"{path}/code", code=phone.sheet.typed_code)
    assert response.status_code == 303
    response = await browser.settled()
    desk.code_of(response)


async def test_only_the_transport_that_needs_it_carries_code_or_way_back(browser, desk, city):
    await browser.authorize(desk.request())
    assert (await browser.scanning_phone()).sheet.typed_code
    assert not (await browser.scanning_phone()).sheet.return_uri
    assert not browser.phone().sheet.typed_code
    await browser.authorize(city.request())
    assert not (await browser.scanning_phone()).sheet.typed_code


async def test_a_browser_holds_at_most_five_logins(browser, city):
    names = []
    for _ in range(8):
        await browser.authorize(city.request())
        names.append(set(browser.login_cookies) - set().union(*names))
        assert len(browser.login_cookies) <= 5
    # The newest are kept.
    assert set(browser.login_cookies) == set().union(*names[-5:])


async def test_two_logins_in_one_browser_do_not_disturb_each_other(gateway, browser, city):
    await browser.authorize(city.request(state="first"))
    first = browser.phone()
    await browser.authorize(city.request(state="second"))
    second = browser.phone()
    await first.approve()
    await second.approve()
    assert "state=first" in (await browser.come_back(first)).headers["location"]
    assert "state=second" in (await browser.come_back(second)).headers["location"]


async def test_the_cookie_is_tied_to_host_tls_and_root(browser, city):
    page = await browser.http.get(f"{OIDC}/auth", params=city.request())
    (cookie,) = page.headers.get_list("set-cookie")
    name, _, attributes = cookie.partition("=")
    assert name.startswith("__Host-")
    assert {"Path=/", "Secure", "HttpOnly", "SameSite=Lax"} <= {part.strip() for part in attributes.split(";")}
    assert "domain" not in cookie.lower()
