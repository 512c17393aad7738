"""The userinfo endpoint (OpenID Connect Core §5.3, RFC 6750)."""

from kit.errors import ShirushiError
from kit.forms import FormError, parse_form
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from gateway.domain.errors import OAuthError
from gateway.problems import bearer_error, json_response, temporarily_unavailable
from gateway.web.parts import OIDC, Parts

_FORM = "application/x-www-form-urlencoded"
_MAX_TOKEN = 512


def routes(parts: Parts) -> list[Route]:
    """Returns the route; the token comes in the header, or in a POSTed form (RFC 6750 §2.2)."""

    async def userinfo(request: Request) -> Response:
        try:
            token = await _access_token(request)
            return json_response(await parts.redeemer.userinfo(token))
        except OAuthError as error:
            return bearer_error(error)
        except ShirushiError:
            return temporarily_unavailable()

    return [Route(f"{OIDC}/userinfo", userinfo, methods=["GET", "POST"], name="userinfo")]


async def _access_token(request: Request) -> str:
    headers = request.headers.getlist("authorization")
    in_form = ""
    if request.method == "POST" and request.headers.get("content-type", "").startswith(_FORM):
        try:
            in_form = parse_form(await request.body(), max_value=_MAX_TOKEN).get("access_token", "")
        except FormError as error:
            raise OAuthError("invalid_request", error.public_text) from None
    if len(headers) > 1 or (headers and in_form):
        raise OAuthError("invalid_request", "the access token is given more than once")
    if in_form:
        return in_form
    if not headers:
        raise OAuthError("missing_token", "", status=401)
    scheme, _, token = headers[0].partition(" ")
    if scheme.lower() != "bearer":
        raise OAuthError("missing_token", "", status=401)
    if not token or len(token) > _MAX_TOKEN:
        raise OAuthError("invalid_token", "the access token is not valid", status=401)
    return token
