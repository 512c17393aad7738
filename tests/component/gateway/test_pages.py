"""Citizens' pages: language, headers, no script needed, and an answer in the endpoint's own kind for everything else."""

import re

import pytest
import structlog

from tests.component.gateway.world import OIDC

JAPANESE, ENGLISH = "テストカードで続ける", "Continue with a test card"


@pytest.mark.parametrize(
    ("ui_locales", "accept", "language"),
    [
        (None, None, "ja"),
        (None, "en", "en"),
        (None, "en-US,en;q=0.9", "en"),
        (None, "ja;q=0.5, en;q=0.8", "en"),
        (None, "ja; q=0.5, en; q=0.8", "en"),
        (None, "fr, en;q=0.3, ja;q=0.8", "ja"),
        (None, "en;q=0, ja;q=0.1", "ja"),
        (None, "en;q=0", "ja"),
        (None, "de", "ja"),
        (None, "en;q=x", "ja"),
        (None, ",,;;q=,", "ja"),
        ("en", "ja", "en"),
        ("ja", "en", "ja"),
        ("fr en ja", None, "en"),
        ("en-GB", None, "en"),
        ("fr", "en", "en"),
        ("x" * 300, "en", "en"),
    ],
)
async def test_the_language_is_what_request_or_browser_asks_for(browser, city, ui_locales, accept, language):
    changes = {} if ui_locales is None else {"ui_locales": ui_locales}
    browser.http.headers["accept-language"] = accept or ""
    page = await browser.authorize(city.request(**changes))
    assert (JAPANESE in page.text, ENGLISH in page.text) == (language == "ja", language == "en")
    assert page.headers["content-language"] == language
    assert f'<html lang="{language}">' in page.text


async def test_the_chosen_language_stays_with_the_login(browser, started):
    phone = await started(ui_locales="en")
    assert phone.sheet.rp_name == "The desk of city"
    page = await browser.get(f"{browser.path}/wait")
    assert page.headers["content-language"] == "en"


async def test_a_language_chosen_on_the_page_stays_with_the_login(browser, other_browser, started):
    phone = await started(ui_locales="ja")
    path = browser.path
    page = await browser.get(f"{path}?lang=en")
    assert page.headers["content-language"] == "en"
    assert (await browser.get(browser.qr_path)).headers["content-language"] == "en"
    for step in (f"{path}/wait", path):
        assert (await browser.get(step)).headers["content-language"] == "en"
    await phone.approve()
    assert (await other_browser.come_back(phone)).headers["content-language"] == "en"
    arrived = await browser.come_back(phone)
    assert arrived.status_code == 303


async def test_a_language_that_cannot_be_kept_is_spoken_all_the_same(browser, started, gateway):
    await started(ui_locales="ja")
    gateway.logins_kept.away = True
    page = await browser.get(f"{browser.path}?lang=en")
    assert page.headers["content-language"] == "en"


async def pages(browser, other_browser, city):
    """Every page that a person can meet on the way."""
    yield await browser.authorize(city.request())
    path, frame = browser.path, browser.qr_path
    phone = browser.phone()
    yield await browser.get(frame)
    yield await browser.get(f"{path}/wait")
    yield await other_browser.get(f"{path}/wait")
    await phone.approve()
    yield await browser.get(f"{path}/wait")
    yield await other_browser.come_back(phone)
    yield await browser.get("/login/nothing/wait")
    yield await browser.get("/nowhere")
    yield await browser.get(f"{OIDC}/auth")


async def test_every_page_is_kept_by_nobody_and_framed_by_nobody(browser, other_browser, city):
    async for page in pages(browser, other_browser, city):
        assert page.headers["content-type"].startswith("text/html")
        assert "no-store" in page.headers["cache-control"]
        policy = page.headers["content-security-policy"]
        assert policy.startswith("default-src 'none'")
        assert "unsafe" not in policy
        assert page.headers["referrer-policy"] == "no-referrer"
        assert page.headers["x-content-type-options"] == "nosniff"
        assert page.headers["strict-transport-security"]
        framed = "/qr" in str(page.request.url)
        assert ("frame-ancestors 'self'" if framed else "frame-ancestors 'none'") in policy
        assert page.headers["x-frame-options"] == ("SAMEORIGIN" if framed else "DENY")
        assert not re.search(r"<script(?![^>]*\bsrc=)|\bon\w+=|\bstyle=|<style|javascript:", page.text)


async def test_a_form_may_end_wherever_the_relying_party_goes_on_to(browser, city):
    await browser.authorize(city.request())
    page = await browser.get(f"{browser.path}/wait")
    (forms,) = re.findall("form-action ([^;]*)", page.headers["content-security-policy"])
    assert forms == "'self' https:"


async def test_what_a_page_loads_is_there(browser, city):
    page = await browser.authorize(city.request())
    loaded = re.findall(r'(?:href|src)="(/[^"]+)"', page.text)
    assert any("style" in path for path in loaded)
    assert any(".js" in path for path in loaded)
    for path in loaded:
        assert (await browser.http.get(path)).status_code in {200, 303}, path


async def test_the_page_works_without_scripts(browser, city):
    page = await browser.authorize(city.request())
    assert 'http-equiv="refresh"' not in page.text
    assert browser.app_link.startswith("https://app.test/link#t=a")
    assert browser.find(r'id="(next)" href="/login/[^"]+/wait"')
    assert re.search(r'<form method="post" action="/login/[^"]+/cancel">\s*<button[^>]*id="cancel-login"', page.text)
    path = browser.path
    wait = await browser.get(f"{path}/wait")
    (seconds,) = re.findall(r'http-equiv="refresh" content="(\d+)', wait.text)
    assert int(seconds) >= 2


async def test_without_a_qr_code_the_page_works_without_scripts_too(gateway, browser, city):
    (entry,) = [entry for entry in gateway.registrations.entries if entry["client_id"] == "city"]
    entry["transports"] = ["app_link"]
    await gateway.registry.refresh()
    await browser.authorize(city.request())
    assert browser.find(r'id="(next)" href="/login/[^"]+/wait"')


async def test_that_required_items_are_required_is_said_where_there_are_any(browser, city, desk):
    said = "必須の項目に同意されない場合"
    assert said not in (await browser.authorize(city.request(scope="openid name"))).text
    assert said in (await browser.authorize(desk.request(scope="openid name"))).text


async def test_what_goes_wrong_in_the_qr_frame_is_said_in_the_frame(gateway, browser, other_browser, city):
    await browser.authorize(city.request())
    frame = browser.qr_path
    for page, status, reason in (
        (await other_browser.get(frame), 403, "wrong_browser"),
        (await browser.get("/login/nothing/qr"), 410, "gone"),
    ):
        assert page.status_code == status
        assert f'data-reason="{reason}"' in page.text
        assert "frame-ancestors 'self'" in page.headers["content-security-policy"]
        assert 'http-equiv="refresh"' not in page.text


async def test_the_qr_frame_is_new_every_five_seconds_and_refreshes_itself(gateway, browser, city):
    await browser.authorize(city.request())
    frame = browser.qr_path
    first = (await browser.get(frame)).text
    assert "<svg" in first
    assert 'http-equiv="refresh"' in first
    assert (await browser.get(frame)).text == first
    gateway.clock.advance(5)
    assert (await browser.get(frame)).text != first
    assert (await browser.scanning_phone_at(frame)).transport == "qr"


async def test_only_the_sandbox_links_to_the_test_card(gateway, browser, city):
    await browser.authorize(city.request())
    link = browser.find(r'id="test-card" href="([^"]+)"')
    assert link.startswith("https://phone.test/test-card?link=https%3A%2F%2Fapp.test%2Flink%23t%3Da")


async def test_names_and_purposes_are_text_and_never_markup(gateway, browser, city):
    (entry,) = [e for e in gateway.registrations.entries if e["client_id"] == "city"]
    entry["name"] = entry["purpose"] = "<img src=x onerror=alert(1)>\"'{{ 7777*7777 }}"
    await gateway.registry.refresh()
    page = await browser.authorize(city.request())
    assert page.status_code == 200
    assert "<img src=x" not in page.text
    assert "60481729" not in page.text.split("<main")[1].split("</h1>")[0]


@pytest.mark.parametrize(
    ("method", "path", "status", "kind"),
    [
        ("GET", "/nowhere", 404, "text/html"),
        ("GET", f"{OIDC}/nowhere", 404, "application/json"),
        ("DELETE", f"{OIDC}/userinfo", 405, "application/json"),
        ("POST", f"{OIDC}/certs", 405, "application/json"),
        ("GET", "/login/x/cancel", 405, "text/html"),
        ("HEAD", f"{OIDC}/auth", 405, "text/html"),
        ("GET", "/login/x/wait", 410, "text/html"),
        ("GET", "/login/%ff/wait", 410, "text/html"),
        ("GET", "/login/a%00b/wait", 410, "text/html"),
        ("GET", "/login/" + "x" * 3000 + "/wait", 410, "text/html"),
        ("POST", "/login/x/cancel", 410, "text/html"),
        ("GET", "/static/../settings.py", 404, "text/html"),
    ],
)
async def test_what_is_not_there_is_told_in_the_endpoints_own_kind(gateway, method, path, status, kind):
    async with gateway.http() as http:
        response = await http.request(method, path)
    assert response.status_code == status
    if method != "HEAD":
        assert response.headers["content-type"].startswith(kind)
        assert len(response.text) < 5000
        assert "Traceback" not in response.text


@pytest.mark.parametrize("path", ["/login/x/code", "/nowhere"])
async def test_a_body_that_is_too_large_gets_a_page(gateway, path):
    async with gateway.http() as http:
        response = await http.post(path, data={"code": "x" * 100_000})
    assert response.status_code == 413
    assert response.headers["content-type"].startswith("text/html")


async def test_a_bug_shows_a_page_or_an_error_and_nothing_of_itself(gateway, browser, city):
    async def broken(*_, **__):
        raise RuntimeError("state=" + city.state)

    gateway.challenges.issue = broken
    with structlog.testing.capture_logs():
        page = await browser.authorize(city.request())
    assert page.status_code == 500
    assert "RuntimeError" not in page.text
    assert city.state not in page.text


async def test_discovery_says_what_is_there(gateway):
    async with gateway.http() as http:
        told = (await http.get("/api/realms/main/.well-known/openid-configuration")).json()
        keys = (await http.get(f"{OIDC}/certs")).json()["keys"]
        for name in ("authorization_endpoint", "token_endpoint", "userinfo_endpoint", "jwks_uri"):
            assert told[name].startswith(f"https://gateway.test{OIDC}/")
            assert (await http.get(told[name])).status_code != 404
    assert told["issuer"] == "https://gateway.test/api/realms/main"
    assert told["code_challenge_methods_supported"] == ["S256"]
    assert told["token_endpoint_auth_methods_supported"] == ["private_key_jwt"]
    assert told["authorization_response_iss_parameter_supported"] is True
    assert told["request_uri_parameter_supported"] is False
    assert all("d" not in key and key["use"] == "sig" for key in keys)


async def test_requests_are_counted_by_route_and_never_by_path(gateway, browser, started):
    await started()
    await browser.get("/nowhere/4711")
    assert {route for route, _ in gateway.watched} <= {"authorize", "login_page", "none"}
