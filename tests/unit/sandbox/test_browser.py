"""The driver's browser reads pages and keeps cookies as far as a login needs it."""

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from sandbox.browser import Browser, BrowserError, Page

PAGE = Page(
    "https://localhost:8443/login/abc",
    200,
    '<div data-follow="/login/abc"><iframe class="qr" src="/login/def/qr"></iframe><a id="next" href="/login/abc/wait">'
    '<a class="big" href="https://phone/link#t=a&amp;k=b" id="app-link">開く</a><p id="note">',
)


def test_an_attribute_is_found_whatever_the_order_and_unescaped():
    assert PAGE.attribute("app-link", "href") == "https://phone/link#t=a&k=b"


@pytest.mark.parametrize(("identifier", "name"), [("missing", "href"), ("note", "href")])
def test_what_is_not_on_the_page_is_an_error(identifier, name):
    with pytest.raises(BrowserError):
        PAGE.attribute(identifier, name)


def test_a_page_says_where_it_goes_on():
    assert PAGE.target("next") == "https://localhost:8443/login/abc/wait"
    assert PAGE.frame("qr") == "https://localhost:8443/login/def/qr"
    assert PAGE.follow() == "https://localhost:8443/login/abc"
    assert PAGE.has("note")
    for look in (PAGE.frame, lambda name: Page("https://localhost/", 200, name).follow()):
        with pytest.raises(BrowserError):
            look("other")


@pytest.fixture
async def site():
    async def start(_):
        answer = web.Response(status=302, headers={"Location": "/cookie"})
        answer.set_cookie("one", "1")
        return answer

    async def cookie(request):
        answer = web.Response(text=str(sorted(request.cookies.items())))
        answer.del_cookie("one")
        return answer

    async def loop(_):
        return web.Response(status=302, headers={"Location": "/loop"})

    async def events(_):
        return web.Response(
            text="retry: 1\n\n: waiting\n\nevent: progress\ndata: claimed\n\nevent: go\ndata: collect\n\n"
        )

    app = web.Application()
    app.router.add_get("/events", events)
    app.router.add_get("/", start)
    app.router.add_get("/cookie", cookie)
    app.router.add_get("/loop", loop)
    server = TestServer(app)
    await server.start_server()
    yield f"http://127.0.0.1:{server.port}"
    await server.close()


async def test_redirects_are_followed_with_cookies_which_can_end(site):
    async with aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar()) as session:
        browser = Browser(session)
        assert (await browser.follow(f"{site}/")).text == "[('one', '1')]"
        assert (await browser.follow(f"{site}/cookie")).text == "[]"
        stopped = await browser.follow(f"{site}/", lambda url: url.endswith("/cookie"))
        assert stopped.location == f"{site}/cookie"
        with pytest.raises(BrowserError):
            await browser.follow(f"{site}/loop")


async def test_events_are_waited_for_by_name(site):
    async with aiohttp.ClientSession() as session:
        browser = Browser(session)
        assert await browser.await_event(f"{site}/events", "go") == "collect"
        assert await browser.await_event(f"{site}/events", "other") is None
