"""A person with a real browser logs in at a sample site: with the test card, with a phone beside the PC, without scripts.

The pictures that are taken on the way lie in `.sandbox/pictures`: whoever changes a page looks at them.
"""

import re
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect
from sandbox.phone.scan import scan

from tests.support.chromium import DESKTOP, MOBILE, chromium, in_scheme, person, picture
from tests.support.drilled import Drilled, drilled

pytestmark = [pytest.mark.real, pytest.mark.browser]

LOGIN = "マイナンバーカードでログイン"
PATIENCE_MS = 30_000


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory):
    with drilled(tmp_path_factory.mktemp("browser")) as running:
        yield running


@pytest.fixture(scope="module")
def browser(sandbox: Drilled):
    certificate = Path(sandbox.addresses["state"]) / "pki" / "web.pem"
    with chromium(certificate) as started:
        yield started


@pytest.fixture
def desk(browser: Browser):
    with person(browser) as context:
        yield context


@pytest.fixture
def phone(browser: Browser):
    with person(browser, viewport=MOBILE, device_scale_factor=2, has_touch=True) as context:
        yield context


def login_page(context: BrowserContext, sandbox: Drilled, rp: str = "city") -> Page:
    """From the site's welcome page to the login page."""
    page = context.new_page()
    page.goto(sandbox.addresses[rp])
    page.get_by_role("link", name=LOGIN).click()
    expect(page.locator("#cancel-login")).to_be_visible()
    return page


def approve(page: Page, card: str = "hanako", pin: str = "1234") -> None:
    """What the holder does on the phone."""
    page.locator("#card").select_option(card)
    page.locator("#pin").fill(pin)
    page.locator("#approve").click()


def agree_to_all(page: Page) -> None:
    for box in page.get_by_role("checkbox").all():
        box.check()


def scanned(page: Page) -> str:
    """The link in the QR code that the login page shows now."""
    frame = page.frame_locator("iframe.qr")
    expect(frame.locator("svg")).to_be_visible()
    return scan(frame.locator("html").evaluate("element => element.outerHTML"))


def expect_greeting(page: Page, sandbox: Drilled, rp: str = "city") -> str:
    """Waits for the greeting; returns the pseudonym."""
    expect(page.locator("#greeting")).to_be_visible(timeout=PATIENCE_MS)
    assert page.url.startswith(sandbox.addresses[rp])
    return page.locator("#pseudonym").inner_text()


def expect_refusal(page: Page, sandbox: Drilled, description: str) -> None:
    refused = page.locator("#refused")
    expect(refused).to_have_attribute("data-description", description, timeout=PATIENCE_MS)
    expect(refused).to_have_attribute("data-error", "access_denied")
    assert page.url.startswith(sandbox.addresses["city"])


def test_a_person_logs_in_with_the_test_card_and_is_greeted_with_pseudonym_and_claims(sandbox, desk):
    page = desk.new_page()
    page.goto(sandbox.addresses["city"])
    picture(page, "1-site")
    page.get_by_role("link", name=LOGIN).click()
    expect(page.get_by_role("link", name="テストカードで続ける")).to_be_visible()
    expect(page.frame_locator("iframe.qr").locator("svg")).to_be_visible()
    picture(page, "2-login-desktop")
    page.locator("#test-card").click()
    expect(page.locator("#rp-name")).to_have_text("しるし市 子育てアプリ")
    expect(page.locator("#origin")).to_have_text(re.compile(re.escape(sandbox.addresses["city"])))
    agree_to_all(page)
    picture(page, "3-phone-desktop")
    approve(page)
    pseudonym = expect_greeting(page, sandbox)
    picture(page, "4-greeting")
    assert len(pseudonym) > 20
    expect(page.locator("#greeting")).to_contain_text("番号　花子")
    expect(page.locator("dd").filter(has_text="松山１－２－３")).to_be_visible()


@pytest.mark.drill
def test_the_waiting_page_goes_on_by_itself_when_a_phone_beside_it_has_answered(sandbox, desk, phone):
    page = login_page(desk, sandbox)
    link = scanned(page)
    app = phone.new_page()
    app.goto(link)
    expect(app.locator("#approve")).to_be_visible()
    agree_to_all(app)
    picture(app, "5-phone-mobile")
    approve(app)
    expect_greeting(page, sandbox)
    expect(app.locator("#look-at-pc")).to_be_visible()
    picture(app, "6-phone-done")


@pytest.mark.drill
def test_one_person_has_one_pseudonym_a_site_and_hands_over_only_what_they_agree_to(sandbox, desk):
    pseudonyms = []
    for rp in ("city", "bank", "city"):
        desk.clear_cookies()
        page = login_page(desk, sandbox, rp)
        page.locator("#test-card").click()
        for box in page.get_by_role("checkbox").all():
            box.uncheck()
        # What is essential cannot be left out, what is voluntary can.
        for row in page.locator(".row").filter(has=page.locator(".must")).all():
            row.get_by_role("checkbox").check()
        approve(page)
        pseudonyms.append(expect_greeting(page, sandbox, rp))
    assert pseudonyms[0] == pseudonyms[2] != pseudonyms[1]


@pytest.mark.drill
def test_cancelling_on_the_phone_tells_the_site_that_the_login_was_cancelled(sandbox, desk):
    page = login_page(desk, sandbox)
    page.locator("#test-card").click()
    page.locator("#cancel").click()
    expect_refusal(page, sandbox, "cancelled")
    picture(page, "7-refused-at-site")


@pytest.mark.drill
def test_cancelling_on_the_login_page_tells_the_site_the_same(sandbox, desk):
    page = login_page(desk, sandbox)
    page.locator("#cancel-login").click()
    expect_refusal(page, sandbox, "cancelled")


@pytest.mark.drill
def test_a_wrong_pin_may_be_typed_again(sandbox, desk):
    page = login_page(desk, sandbox)
    page.locator("#test-card").click()
    agree_to_all(page)
    approve(page, "taro", "9999")
    expect(page.locator("#refusal")).to_contain_text("あと 2 回")
    picture(page, "8-wrong-pin")
    approve(page, "taro", "1234")
    expect_greeting(page, sandbox)


@pytest.mark.drill
def test_the_exact_reason_of_a_refusal_is_shown_on_the_phone_and_only_its_class_at_the_site(sandbox, desk, phone):
    page = login_page(desk, sandbox)
    app = phone.new_page()
    app.goto(scanned(page))
    agree_to_all(app)
    approve(app, "revoked")
    expect(app.locator("#reason")).to_have_text("電子証明書が失効しています。", timeout=PATIENCE_MS)
    picture(app, "9-phone-refused")
    expect_refusal(page, sandbox, "card_not_accepted")
    assert "失効" not in page.content()


@pytest.mark.drill
def test_the_login_page_in_every_size_language_and_scheme(sandbox, browser):
    for name, viewport, scheme, locale in (
        ("desktop-dark", DESKTOP, "dark", "ja-JP"),
        ("mobile", MOBILE, "light", "ja-JP"),
        ("mobile-dark", MOBILE, "dark", "ja-JP"),
        ("english", DESKTOP, "light", "en-GB"),
        ("narrow", {"width": 320, "height": 640}, "light", "ja-JP"),
    ):
        with person(browser, viewport=viewport, color_scheme=scheme, locale=locale) as context:
            page = context.new_page()
            page.goto(f"{sandbox.addresses['city']}/login")
            expect(page.locator("#cancel-login")).to_be_visible()
            # Nobody has to scroll sideways, and nothing is cut off.
            assert page.evaluate("document.documentElement.scrollWidth") <= viewport["width"]
            picture(page, f"2-login-{name}")


@pytest.mark.drill
def test_without_scripts_the_test_card_page_and_the_waiting_page_lead_back_to_the_site(sandbox, browser):
    with person(browser, java_script_enabled=False) as context:
        page = login_page(context, sandbox)
        still = page.url
        page.locator("#test-card").click()
        # Boxes are ticked beforehand where they are essential, and a script is not needed to send the form.
        for box in page.get_by_role("checkbox").all():
            box.check()
        approve(page)
        expect_greeting(page, sandbox)
        assert still != page.url


@pytest.mark.drill
def test_without_scripts_the_first_page_stands_still_and_the_waiting_page_refreshes_itself(sandbox, browser, phone):
    with person(browser, java_script_enabled=False) as context:
        page = login_page(context, sandbox)
        expect(page.frame_locator("iframe.qr").locator("svg")).to_be_visible()
        frame = page.frame(url=re.compile(r"/qr\?lang=ja$"))
        app = phone.new_page()
        app.goto(scan(frame.content()))
        agree_to_all(app)
        page.locator("#next").click()
        expect(page).to_have_url(re.compile(r"/wait$"))
        expect(page.get_by_role("heading", level=1)).to_be_visible()
        picture(page, "10-waiting")
        approve(app)
        expect_greeting(page, sandbox)


@pytest.mark.drill
def test_a_page_whose_server_was_away_for_a_moment_goes_on_by_itself(sandbox, desk, phone):
    answered: list[str] = []

    def away(route):
        answered.append(route.request.url)
        route.fulfill(status=502, content_type="text/html", body="Bad Gateway")

    # As a proxy answers during an upgrade: to what the page follows, and to a refresh of the QR frame.
    desk.route("**/events", away, times=2)
    page = login_page(desk, sandbox)
    expect(page.frame_locator("iframe.qr").locator("svg")).to_be_visible()
    desk.route("**/qr?lang=*", away, times=1)
    expect(page.frame_locator("iframe.qr").get_by_text("Bad Gateway")).to_be_visible(timeout=PATIENCE_MS)
    expect(page.frame_locator("iframe.qr").locator("svg")).to_be_visible(timeout=PATIENCE_MS)
    app = phone.new_page()
    app.goto(scanned(page))
    agree_to_all(app)
    approve(app)
    expect_greeting(page, sandbox)
    assert [url.rpartition("/")[2].partition("?")[0] for url in answered] == ["events", "events", "qr"]


@pytest.mark.drill
def test_a_return_into_another_browser_shows_a_code_that_the_first_browser_takes(sandbox, desk, phone):
    page = login_page(desk, sandbox)
    # The app link is opened on another device, as after a message from somebody: that device is not logged in.
    other = phone.new_page()
    other.goto(page.locator("#app-link").get_attribute("href"))
    agree_to_all(other)
    approve(other)
    code = other.locator("#typed-code")
    expect(code).to_be_visible()
    picture(other, "11-return-in-another-browser")
    expect(page.locator("#code")).to_be_visible(timeout=PATIENCE_MS)
    picture(page, "12-type-the-code")
    in_scheme(page, "dark", lambda: picture(page, "12-type-the-code-dark"))
    page.locator("#code").fill("ZZZZZZ")
    page.locator("#submit-code").click()
    expect(page.get_by_role("alert")).to_be_visible()
    page.locator("#code").fill(code.inner_text())
    page.locator("#submit-code").click()
    expect_greeting(page, sandbox)


@pytest.mark.drill
def test_what_cannot_go_on_is_said_on_a_page_and_leads_nowhere(sandbox, desk):
    page = desk.new_page()
    page.goto(f"{sandbox.addresses['issuer']}/protocol/openid-connect/auth?client_id=nobody")
    expect(page.locator("#problem")).to_have_attribute("data-reason", "client_id_unknown")
    picture(page, "13-error")
    assert page.url.startswith(sandbox.addresses["gateway"])
