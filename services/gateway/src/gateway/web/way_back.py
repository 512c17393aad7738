"""The app's way back: only this visit, together with the cookie, completes a login by app link."""

from kit.forms import parse_query
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from gateway.domain.errors import LoginRefused
from gateway.domain.login import same_secret
from gateway.domain.opaque_token import open_token, seal_token
from gateway.domain.typed_code import typed_code
from gateway.pages import page
from gateway.web.asking import cookie_secret, language
from gateway.web.login import shown_errors
from gateway.web.parts import Parts


def routes(parts: Parts) -> list[Route]:
    """Returns the route."""

    async def way_back(request: Request) -> Response:
        query = parse_query(request.scope["query_string"], max_fields=4, max_value=512)
        token = open_token(parts.keys, "return", query.get("c", ""))
        stored = await parts.logins.find(token.login_id)
        cookie = cookie_secret(request, token.login_id)
        if cookie is None:
            # Another browser than the one that started: it may be the holder's other one, and it may be that the link
            # was sent to them. Who carries the code over decides; nothing happens by itself.
            if stored.login.verified is not None and stored.login.verified.transport != "app_link":
                raise LoginRefused("wrong_browser")
            code = typed_code(parts.keys.token_key(token.epoch), token.login_id)
            return page("other_browser.html", language(request), code=code)
        if not same_secret(stored.login.cookie_digest, cookie):
            raise LoginRefused("wrong_browser")
        ref = seal_token(parts.keys, "returned", stored.epoch, stored.login_id, b"")
        headers = {"cache-control": "no-store", "referrer-policy": "no-referrer"}
        return RedirectResponse(f"/login/{ref}/wait", 303, headers=headers)

    return [Route("/return", shown_errors(way_back), methods=["GET"])]
