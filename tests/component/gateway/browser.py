"""A citizen's browser without JavaScript: keeps cookies, reads pages."""

import re
from html import unescape

import httpx

from tests.component.gateway.phone import Phone
from tests.component.gateway.world import OIDC, Gateway


class Browser:
    """One browser; `page` is what it shows."""

    def __init__(self, gateway: Gateway, replica=0, **headers):
        self.gateway = gateway
        self.http = gateway.http(
            replica, headers={"user-agent": "Mozilla/5.0 (Windows NT 10.0) Firefox/140.0", **headers}
        )
        self.page: httpx.Response | None = None

    async def authorize(self, parameters, method="GET", **headers) -> httpx.Response:
        where = f"{OIDC}/auth"
        if method == "GET":
            self.page = await self.http.get(where, params=parameters, headers=headers)
        else:
            self.page = await self.http.post(where, data=parameters, headers=headers)
        return await self.settled()

    async def settled(self) -> httpx.Response:
        """Follows redirects within the gateway."""
        while self.page.status_code == 303 and self.page.headers["location"].startswith("/"):
            self.page = await self.http.get(self.page.headers["location"])
        return self.page

    def find(self, pattern):
        """The first group of a pattern in the page, unescaped; None when it is not there."""
        found = re.search(pattern, self.page.text)
        return None if found is None else unescape(found[1])

    @property
    def app_link(self):
        return self.find(r'id="app-link" href="([^"]+)"')

    @property
    def path(self):
        """The path of the login's pages, whose last part is the opaque reference."""
        return self.find(r'data-follow="([^"]+)"') or self.find(r'action="(/login/[^"]+)/(?:code|cancel)"')

    @property
    def qr_path(self):
        return self.find(r'<iframe class="qr" src="(/login/[^"]+/qr\?lang=..)"')

    @property
    def problem(self):
        """The reason of an error page."""
        return self.find(r'data-reason="([a-z_]+)"')

    @property
    def login_cookies(self):
        return {cookie.name: cookie.value for cookie in self.http.cookies.jar if cookie.name.startswith("__Host-")}

    async def get(self, path) -> httpx.Response:
        self.page = await self.http.get(path)
        return self.page

    async def post(self, path, **form) -> httpx.Response:
        self.page = await self.http.post(path, data=form)
        return self.page

    def phone(self) -> Phone:
        """A phone that opens the app link of this page."""
        return Phone(self.gateway, self.app_link)

    async def scanning_phone(self) -> Phone:
        """A phone that reads the QR code; the sandbox says beside the picture what it holds."""
        frame = await self.http.get(self.qr_path)
        return Phone(self.gateway, _link_in(frame))

    async def scanning_phone_at(self, frame) -> Phone:
        """A phone that reads the code of a frame."""
        return Phone(self.gateway, _link_in(await self.http.get(frame)))

    async def come_back(self, phone) -> httpx.Response:
        """Visits the app's return address and follows into the gateway's own pages."""
        await self.get(phone.return_path)
        return await self.settled()


def _link_in(frame):
    return unescape(re.search(r'data-link="([^"]+)"', frame.text)[1])
