"""The outermost layer of the app API: every path, every bound and every error of it is decided here."""

from collections.abc import Awaitable, Callable
from functools import partial
from http import HTTPStatus

from kit.edge import Edge, Watch
from kit.errors import ShirushiError
from kit.http import BodyLimit, SecurityHeaders
from kit.log import get_logger
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from challenge.domain.dispatch import Dispatch
from challenge.problems import EdgeProblem, internal, problem
from challenge.web import about
from challenge.web.answer import answer
from challenge.web.body import MAX_ANSWER_BYTES, MAX_BODY_BYTES
from challenge.web.cancel import cancel
from challenge.web.claim import claim
from challenge.web.resolve import resolve
from challenge.web.status import status

Handler = Callable[[Request], Awaitable[Response]]


def app_api(dispatch: Dispatch, *, forwarded_hops: int, watch: Watch) -> ASGIApp:
    """Return the ASGI application. There is no CORS: apps are not pages, and pages have no business here."""
    text = about.read_description()

    async def openapi(_: Request) -> Response:
        return about.description(text)

    async def info(_: Request) -> Response:
        return about.info(dispatch)

    one = "/v1/challenges/{challenge_id}"
    routes = [
        _route("POST", "/v1/challenges/resolve", "resolve", partial(resolve, dispatch)),
        _route("POST", "/v1/challenges/claim", "claim", partial(claim, dispatch, forwarded_hops)),
        _route("POST", f"{one}/answer", "answer", partial(answer, dispatch), MAX_ANSWER_BYTES),
        _route("POST", f"{one}/cancel", "cancel", partial(cancel, dispatch)),
        _route("POST", f"{one}/status", "status", partial(status, dispatch)),
        _route("GET", "/v1/openapi.yaml", "openapi", openapi),
        _route("GET", "/v1/info", "info", info),
    ]
    return SecurityHeaders(Edge(routes, _response_of, watch))


def _route(method: str, path: str, name: str, handler: Handler, max_bytes: int = MAX_BODY_BYTES) -> Route:
    async def endpoint(scope: Scope, receive: Receive, send: Send) -> None:
        response = await handler(Request(scope, receive))
        await response(scope, receive, send)

    too_large = problem(EdgeProblem("too_large", f"the body must have at most {max_bytes} bytes"))
    too_slow = problem(EdgeProblem("too_slow", "the body took too long"))
    limited = BodyLimit(endpoint, max_bytes, too_large=too_large, too_slow=too_slow)
    return Route(path, limited, methods=[method], name=name)


def _response_of(error: Exception, _: Scope) -> Response:
    if isinstance(error, HTTPException):
        if error.status_code == HTTPStatus.METHOD_NOT_ALLOWED:
            return problem(EdgeProblem("method_not_allowed", "see the allow header", dict(error.headers or {})))
        return problem(EdgeProblem("not_found", "there is nothing here"))
    if isinstance(error, ShirushiError):
        return problem(error)
    # Its text may quote what was sent; the log keeps the type and the places only.
    get_logger().error("request_failed", exc_info=error)
    return internal()
