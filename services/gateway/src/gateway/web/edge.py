"""The outermost layer of the public surface: every path, every bound, and an answer in the right kind for every error."""

from kit.edge import Edge, Watch
from kit.http import BodyLimit, SecurityHeaders
from kit.log import get_logger
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from gateway.pages import MARK, SCRIPT, STYLE, error_page
from gateway.problems import json_response
from gateway.web import authorize, cancel, code, discovery, follow, login_page, qr, token, userinfo, wait, way_back
from gateway.web.asking import language
from gateway.web.parts import BASE, OIDC, Parts

MAX_BODY_BYTES = 16 * 1024
_STATIC_HEADERS = {"cache-control": "public, max-age=31536000, immutable"}
# Reading them changes nothing, so a HEAD may too; at the others it would start or collect a login for nobody.
_SAFE = frozenset({"discovery", "certs", "style", "script", "mark"})
_NOT_FOUND, _WRONG_METHOD, _TOO_LARGE, _TOO_SLOW, _BROKEN = 404, 405, 413, 408, 500
_RULES = {
    _NOT_FOUND: ("not_found", "there is no such endpoint"),
    _WRONG_METHOD: ("invalid_request", "this endpoint does not take this method"),
    _TOO_LARGE: ("invalid_request", f"the body must have at most {MAX_BODY_BYTES} bytes"),
    _TOO_SLOW: ("invalid_request", "the body took too long"),
    _BROKEN: ("server_error", "something went wrong here"),
}
_PAGES = {
    _NOT_FOUND: "not_found",
    _WRONG_METHOD: "wrong_method",
    _TOO_LARGE: "too_large",
    _TOO_SLOW: "too_large",
    _BROKEN: "broken",
}


def application(parts: Parts, watch: Watch) -> ASGIApp:
    """Returns the ASGI application."""
    routes = [
        *token.routes(parts),
        *userinfo.routes(parts),
        *authorize.routes(parts),
        *login_page.routes(parts),
        *wait.routes(parts),
        *way_back.routes(parts),
        *follow.routes(parts),
        *qr.routes(parts),
        *code.routes(parts),
        *cancel.routes(parts),
        *discovery.routes(parts),
        _static("/static/style.css", "style", STYLE, "text/css"),
        _static("/static/follow.js", "script", SCRIPT, "text/javascript"),
        _static("/static/mark.svg", "mark", MARK, "image/svg+xml"),
    ]
    for route in routes:
        if route.methods is not None and route.name not in _SAFE:
            route.methods.discard("HEAD")
    limited = BodyLimit(
        Edge(routes, _answer_to, watch), MAX_BODY_BYTES, too_large=_refused(_TOO_LARGE), too_slow=_refused(_TOO_SLOW)
    )
    return SecurityHeaders(limited)


def _answer_to(error: Exception, scope: Scope) -> Response:
    if isinstance(error, HTTPException) and error.status_code in _RULES:
        return _problem(scope, error.status_code, dict(error.headers or {}))
    # Its text may quote what was sent; the log keeps the type and the places only.
    get_logger().error("request_failed", exc_info=error)
    return _problem(scope, _BROKEN)


def _refused(status: int) -> ASGIApp:
    async def answer(scope: Scope, receive: Receive, send: Send) -> None:
        await _problem(scope, status)(scope, receive, send)

    return answer


def _problem(scope: Scope, status: int, headers: dict[str, str] | None = None) -> Response:
    """Answers in JSON where programs ask, with a page where people do."""
    path: str = scope["path"]
    if path.startswith(BASE) and path != f"{OIDC}/auth":
        error, rule = _RULES[status]
        return json_response({"error": error, "error_description": rule}, status, headers)
    response = error_page(_PAGES[status], language(Request(scope)), status)
    response.headers.update(headers or {})
    return response


def _static(path: str, name: str, content: bytes, media_type: str) -> Route:
    async def serve(_: Request) -> Response:
        return Response(content, headers=_STATIC_HEADERS, media_type=media_type)

    return Route(path, serve, methods=["GET"], name=name)
