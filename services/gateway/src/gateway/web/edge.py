"""The public application: every route, the bound on bodies, and pages for what is not there."""

from typing import Any

from kit.http import BodyLimit, SecurityHeaders
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from gateway.pages import SCRIPT, STYLE, error_page
from gateway.problems import json_response
from gateway.web import authorize, discovery, userinfo, way_back
from gateway.web.asking import language
from gateway.web.login import LoginPages
from gateway.web.parts import BASE, Parts
from gateway.web.token import TokenEndpoint

MAX_BODY_BYTES = 16 * 1024
_STATIC_HEADERS = {"cache-control": "public, max-age=3600"}
_NOT_FOUND = 404


def application(parts: Parts) -> Any:
    """Returns the ASGI application."""
    routes = [
        *discovery.routes(parts),
        *authorize.routes(parts),
        *TokenEndpoint(parts).routes(),
        *userinfo.routes(parts),
        *LoginPages(parts).routes(),
        *way_back.routes(parts),
        Route("/static/style.css", _static(STYLE, "text/css"), methods=["GET"]),
        Route("/static/wait.js", _static(SCRIPT, "text/javascript"), methods=["GET"]),
    ]
    starlette = Starlette(routes=routes, exception_handlers={HTTPException: _http_problem})
    return SecurityHeaders(BodyLimit(starlette, MAX_BODY_BYTES, too_large=_too_large))


def _static(content: bytes, media_type: str) -> Any:
    async def serve(_request: Request) -> Response:
        return Response(content, headers=_STATIC_HEADERS, media_type=media_type)

    return serve


async def _http_problem(request: Request, error: Exception) -> Response:
    status = error.status_code if isinstance(error, HTTPException) else _NOT_FOUND
    headers = dict(error.headers or {}) if isinstance(error, HTTPException) else {}
    if request.url.path.startswith(BASE):
        name = "not_found" if status == _NOT_FOUND else "invalid_request"
        rule = "there is no such endpoint" if status == _NOT_FOUND else "this endpoint does not take this method"
        return json_response({"error": name, "error_description": rule}, status, headers)
    response = error_page("not_found" if status == _NOT_FOUND else "wrong_method", language(request), status)
    response.headers.update(headers)
    return response


async def _too_large(scope: Any, receive: Any, send: Any) -> None:
    request = Request(scope)
    response: Response
    if request.url.path.startswith(BASE):
        response = json_response({"error": "invalid_request", "error_description": "the body is too large"}, 413)
    else:
        response = error_page("too_large", language(request), 413)
    await response(scope, receive, send)
