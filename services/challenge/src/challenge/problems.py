"""Renders refusals as problem details (RFC 9457): a `code` for programs, a text that repeats nothing that was sent."""

from http import HTTPStatus

import msgspec
from kit.errors import Code, ShirushiError
from starlette.responses import Response

from challenge.domain.refusals import Refusal

MEDIA_TYPE = "application/problem+json"
_TYPE_PREFIX = "urn:shirushi:problem:"
_RETRY_AFTER_SECONDS = "1"

# What the edge itself refuses, before there is a challenge to ask about.
EDGE_STATUS: dict[str, HTTPStatus] = {
    "not_found": HTTPStatus.NOT_FOUND,
    "method_not_allowed": HTTPStatus.METHOD_NOT_ALLOWED,
    "too_slow": HTTPStatus.REQUEST_TIMEOUT,
    "too_large": HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    "unsupported_media_type": HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
}

# One row a refusal of the domain; a test holds the two lists together.
STATUS: dict[str, HTTPStatus] = {
    Refusal.MALFORMED_REQUEST: HTTPStatus.BAD_REQUEST,
    Refusal.PROOF_INVALID: HTTPStatus.UNAUTHORIZED,
    Refusal.TOKEN_UNKNOWN: HTTPStatus.NOT_FOUND,
    Refusal.CHALLENGE_UNKNOWN: HTTPStatus.NOT_FOUND,
    Refusal.NOT_CLAIMED: HTTPStatus.CONFLICT,
    Refusal.ALREADY_CLAIMED: HTTPStatus.CONFLICT,
    Refusal.ALREADY_ANSWERED: HTTPStatus.CONFLICT,
    Refusal.ALREADY_CANCELLED: HTTPStatus.CONFLICT,
    Refusal.NOT_ANSWERED: HTTPStatus.CONFLICT,
    Refusal.ISSUED_OTHERWISE: HTTPStatus.CONFLICT,
    Refusal.TOKEN_EXPIRED: HTTPStatus.GONE,
    Refusal.CHALLENGE_EXPIRED: HTTPStatus.GONE,
    **EDGE_STATUS,
}


class EdgeProblem(ShirushiError):
    """A request that the edge refuses by its shape: path, method, size, time or media type."""

    def __init__(self, reason: str, text: str, headers: dict[str, str] | None = None) -> None:
        super().__init__(Code.INVALID_ARGUMENT, text, reason=reason)
        self.headers = headers or {}


def problem(error: ShirushiError) -> Response:
    """Return the problem response of an error; anything unforeseen becomes a blank 503 or 500."""
    status = STATUS.get(error.reason)
    if status is not None:
        return _render(status, error.reason, error.public_text, getattr(error, "headers", None) or {})
    if error.code is Code.UNAVAILABLE:
        headers = {"retry-after": _RETRY_AFTER_SECONDS}
        return _render(HTTPStatus.SERVICE_UNAVAILABLE, "unavailable", "try again with the same request", headers)
    return internal()


def internal() -> Response:
    """Return the blank answer to what should not have happened."""
    return _render(HTTPStatus.INTERNAL_SERVER_ERROR, "internal", "", {})


def _render(status: HTTPStatus, code: str, detail: str, headers: dict[str, str]) -> Response:
    body = {"type": _TYPE_PREFIX + code, "title": status.phrase, "status": status.value, "code": code}
    if detail:
        body["detail"] = detail
    if status is HTTPStatus.UNAUTHORIZED:
        # RFC 9110 §15.5.2 wants a challenge with a 401; the scheme is this API's own.
        headers = {**headers, "www-authenticate": "Shirushi-Proof"}
    return Response(msgspec.json.encode(body), status.value, headers, MEDIA_TYPE)
