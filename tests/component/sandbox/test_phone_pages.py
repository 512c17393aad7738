"""The simulated phone as a browser without scripts sees it."""

import asyncio
import re

import aiohttp
import httpx
import pytest
from aiohttp.test_utils import TestServer
from sandbox.phone.client import Phone
from sandbox.phone.web import Pages
from shirushi.evidence.v1 import evidence_pb2 as pb
from shirushi.verifier.v1 import events_pb2 as verifier_pb
from starlette.applications import Starlette

from tests.support.app_api import AppApi, a_sheet

RETURN = "https://localhost:8443/return?c=once"


@pytest.fixture
def api():
    return AppApi()


@pytest.fixture
async def browser(api, state, test_authority):
    server = TestServer(api.app())
    await server.start_server()
    async with aiohttp.ClientSession() as session:
        phone = Phone(session, f"http://127.0.0.1:{server.port}", api.pinned, test_authority.app_instance)
        transport = httpx.ASGITransport(Starlette(routes=Pages(phone, state).routes()))
        async with httpx.AsyncClient(
            transport=transport, base_url="https://phone", headers={"accept-language": "ja"}
        ) as client:
            yield client
    await server.close()


async def opened(browser, api):
    answer = await browser.get("/test-card", params={"link": api.link})
    assert answer.status_code == 303
    return answer.headers["location"].split("?")[0]


async def test_the_page_shows_who_asks_from_where_for_what(browser, api):
    page = (await browser.get(await opened(browser, api))).text
    for shown in (
        "しるし市 子育てアプリ",
        "https://localhost:8447",
        "保護者の方の本人確認のため",
        "Firefox",
        "Windows",
    ):
        assert shown in page
    assert "同じネットワーク" in page
    assert re.search(r'value="name" id="agree-name" checked', page)
    assert re.search(r'value="address" id="agree-address">', page)
    assert 'id="approve"' in page
    assert 'id="cancel"' in page
    assert "<script" not in page


async def test_another_network_is_made_visible(browser, api):
    api.network_hint = "different"
    page = (await browser.get(await opened(browser, api))).text
    assert 'class="hint warn"' in page


async def test_approving_answers_and_goes_back_to_the_browser_that_asked(browser, api):
    path = await opened(browser, api)
    form = {"card": "hanako", "pin": "1234", "text_pin": "5678", "agree": "name", "outcome": "ok", "approve": "1"}
    answer = await browser.post(path, data=form)
    assert (answer.status_code, answer.headers["location"]) == (303, RETURN)
    assert list(api.evidence.agreed) == [pb.ATTRIBUTE_NAME]


async def test_an_answer_by_qr_sends_nobody_anywhere(browser, api):
    api.sheet = a_sheet(pb.TRANSPORT_QR)
    path = await opened(browser, api)
    answer = await browser.post(path, data={"card": "taro", "pin": "1234", "approve": "1"})
    assert answer.headers["location"].startswith(f"{path}/done")
    page = (await browser.get(answer.headers["location"])).text
    assert "パソコンの画面をご確認ください" in page


async def test_cancelling_returns_without_evidence(browser, api):
    path = await opened(browser, api)
    answer = await browser.post(path, data={"card": "hanako", "pin": "1234", "cancel": "1"})
    assert answer.headers["location"] == RETURN
    assert (api.evidence, api.cancelled) == (None, "declined")


async def test_pressed_twice_it_is_answered_once_and_both_lead_on(browser, api):
    path = await opened(browser, api)
    form = {"card": "hanako", "pin": "1234", "text_pin": "5678", "agree": "name", "approve": "1"}
    answers = await asyncio.gather(*(browser.post(path, data=form) for _ in range(3)))
    assert {(answer.status_code, answer.headers["location"]) for answer in answers} == {(303, RETURN)}
    assert api.answers == 1


async def test_the_form_may_end_at_a_site_of_any_scheme(browser, api):
    page = await browser.get(await opened(browser, api))
    assert "form-action" not in page.headers["content-security-policy"]


async def test_a_wrong_pin_is_told_and_can_be_corrected(browser, api):
    path = await opened(browser, api)
    answer = await browser.post(path, data={"card": "hanako", "pin": "0000", "approve": "1"})
    assert answer.status_code == 422
    assert "あと 2 回" in answer.text
    assert (await browser.post(path, data={"card": "hanako", "pin": "1234", "approve": "1"})).status_code == 303


async def test_a_locked_card_ends_the_login(browser, api):
    path = await opened(browser, api)
    answer = await browser.post(path, data={"card": "locked", "pin": "1234", "approve": "1"})
    assert answer.status_code == 303
    assert api.cancelled == "pin_locked"


@pytest.mark.parametrize("outcome", ["card_unreadable", "not_mine", "pin_locked"])
async def test_outcomes_that_give_up(browser, api, outcome):
    path = await opened(browser, api)
    await browser.post(path, data={"card": "hanako", "pin": "1234", "outcome": outcome, "approve": "1"})
    assert api.cancelled == outcome


async def test_an_attribute_that_was_not_asked_cannot_be_slipped_in(browser, api):
    path = await opened(browser, api)
    answer = await browser.post(path, data={"card": "hanako", "pin": "1234", "agree": "gender", "approve": "1"})
    assert answer.status_code == 422
    assert api.evidence is None


async def test_the_exact_reason_is_shown_here(browser, api):
    api.sheet = a_sheet(pb.TRANSPORT_QR)
    api.refusal = verifier_pb.REASON_CERTIFICATE_REVOKED
    path = await opened(browser, api)
    await browser.post(path, data={"card": "revoked", "pin": "1234", "approve": "1"})
    page = (await browser.get(f"{path}/done")).text
    assert "電子証明書が失効しています" in page


async def test_problems_are_told_in_words(browser, api):
    answer = await browser.get("/test-card", params={"link": "nonsense"})
    assert (answer.status_code, "リンクを読み取れません" in answer.text) == (400, True)
    api.problem = (410, "token_expired")
    answer = await browser.get("/test-card", params={"link": api.link})
    assert "有効期限が切れました" in answer.text
    assert (await browser.get("/asked/nobody")).status_code == 400


async def test_a_forged_name_is_shown_as_text(browser, api):
    api.sheet = a_sheet(rp_name="<b>銀行</b>")
    page = (await browser.get(await opened(browser, api))).text
    assert "&lt;b&gt;銀行&lt;/b&gt;" in page


async def test_the_first_screens_stand(browser):
    for path in ("/", "/link", "/?lang=en"):
        assert (await browser.get(path)).status_code == 200
    assert "location.replace" in (await browser.get("/link.js")).text
