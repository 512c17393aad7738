"""The pages of a sample site: welcome, login, callback, and who has logged in."""

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import httpx
from authlib.integrations.starlette_client import OAuthError, StarletteOAuth2App
from jinja2 import Environment, PackageLoader, StrictUndefined
from joserfc.errors import JoseError
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, PlainTextResponse, RedirectResponse, Response
from starlette.routing import Route

from sandbox.rp.profiles import CLAIM_LABELS, GENDERS, REFUSALS, Site, Text
from sandbox.rp.sessions import Sessions, renew

HEADERS = {
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; img-src data:; form-action 'self'; frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-store",
}
ACCOUNT = "account"
EXCHANGED = "exchanged"


@dataclass
class Pages:
    """The routes of one site; it remembers in memory how often each pseudonym has come."""

    site: Site
    oidc: StarletteOAuth2App
    origin: str
    visits: Counter[str] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        """Prepares the templates."""
        loader = PackageLoader("sandbox.rp")
        self._templates = Environment(loader=loader, autoescape=True, undefined=StrictUndefined)

    def routes(self) -> list[Route]:
        """Every address of the site."""
        return [
            Route("/", self.home),
            Route("/login", self.login),
            Route("/callback", self.callback),
            Route("/me", self.me),
            Route("/logout", self.logout, methods=["POST"]),
            Route("/livez", self.livez),
        ]

    async def home(self, request: Request) -> Response:
        """The welcome page, or the greeting of somebody who has logged in."""
        account = request.session.get(ACCOUNT)
        if account is None:
            return self._page(request, "welcome.html")
        claims = [(CLAIM_LABELS[name], self._shown(request, name, account["claims"])) for name in CLAIM_LABELS]
        return self._page(
            request,
            "greeting.html",
            account=account,
            claims=[(label, value) for label, value in claims if value],
            returning=account["visits"] > 1,
        )

    async def login(self, request: Request) -> Response:
        """Sends the browser to the authentication service."""
        try:
            redirect: Response = await self.oidc.authorize_redirect(
                request, f"{self.origin}/callback", ui_locales=_language(request)
            )
        except httpx.HTTPError:
            return self._refused(request, "unreachable", None, 503)
        return redirect

    async def callback(self, request: Request) -> Response:
        """Takes the code, checks the ID token, reads the claims."""
        remembered = dict(request.session)
        try:
            token = await self._token(request)
            claims = dict(await self.oidc.userinfo(token=token))
        except OAuthError as error:
            return self._refused(request, error.error, error.description, 200)
        except httpx.HTTPError:
            # Authlib has forgotten the request by now; a visitor who reloads this page soon is to have another chance.
            request.session.update(remembered)
            return self._refused(request, "unreachable", None, 503)
        except (JoseError, KeyError):
            return self._refused(request, "unreachable", None, 502)
        identity = token["userinfo"]
        # OpenID Connect Core §5.3.2: userinfo of another subject must not be used.
        if claims.get("sub") != identity["sub"]:
            return self._refused(request, "invalid_token", None, 502)
        self.visits[identity["sub"]] += 1
        request.session.clear()
        request.session[ACCOUNT] = {
            "sub": identity["sub"],
            "claims": {name: claims[name] for name in CLAIM_LABELS if name in claims},
            "acr": identity.get("acr"),
            "source": claims.get("attributes_source") or identity.get("attributes_source"),
            "visits": self.visits[identity["sub"]],
        }
        renew(request)
        return RedirectResponse("/", status_code=303)

    async def _token(self, request: Request) -> dict[str, Any]:
        """Exchanges the code, which is good once: a visitor who reloads because userinfo was away brings it again."""
        state = request.query_params.get("state")
        had = request.session.get(EXCHANGED)
        if had is not None and had["state"] == state:
            return dict(had["token"])
        token: dict[str, Any] = await self.oidc.authorize_access_token(request)
        request.session[EXCHANGED] = {"state": state, "token": token}
        return token

    async def me(self, request: Request) -> Response:
        """Who has logged in, for the site's own scripts."""
        account = request.session.get(ACCOUNT)
        return JSONResponse(account, headers=HEADERS, status_code=200 if account else 401)

    async def logout(self, request: Request) -> Response:
        """Forgets the visitor; there is no session anywhere else."""
        request.session.clear()
        return RedirectResponse("/", status_code=303)

    async def livez(self, _: Request) -> Response:
        """The process serves."""
        return PlainTextResponse("ok\n")

    def _shown(self, request: Request, name: str, claims: dict[str, Any]) -> str:
        value = claims.get(name, "")
        if isinstance(value, dict):
            value = value.get("formatted", "")
        if name == "gender" and value in GENDERS:
            return GENDERS[value][_language(request) == "en"]
        if name == "birthdate" and len(value) == 8:
            return (
                f"{int(value[:4])}年{int(value[4:6])}月{int(value[6:])}日"
                if _language(request) == "ja"
                else (f"{value[:4]}-{value[4:6]}-{value[6:]}")
            )
        return str(value)

    def _refused(self, request: Request, error: str, description: str | None, status: int) -> Response:
        known = REFUSALS.get(description or "")
        text: Text = known or ("ログインできませんでした", "The login did not succeed")
        return self._page(request, "refused.html", status, error=error, description=description or error, text=text)

    def _page(self, request: Request, template: str, status: int = 200, **values: Any) -> HTMLResponse:
        language = _language(request)

        def say(text: Text) -> str:
            return text[language == "en"]

        page = self._templates.get_template(template)
        content = page.render(site=self.site, say=say, language=language, **values)
        return HTMLResponse(content, status, HEADERS | {"Content-Language": language})


def _language(request: Request) -> str:
    """`ja` or `en`: what the address says, else the first of the two that the browser prefers."""
    asked = request.query_params.get("lang")
    if asked in {"ja", "en"}:
        return asked
    accepted = request.headers.get("accept-language", "").lower()
    positions = {language: accepted.find(language) for language in ("ja", "en")}
    if positions["en"] >= 0 and (positions["ja"] < 0 or positions["en"] < positions["ja"]):
        return "en"
    return "ja"


def build(site: Site, oidc: StarletteOAuth2App, origin: str) -> Starlette:
    """The site as an ASGI application."""
    pages = Pages(site, oidc, origin)
    return Starlette(routes=pages.routes(), middleware=[Middleware(Sessions, name=site.name)])
