"""Renders everything that is not a success: OAuth errors for relying parties, calm pages for people."""

import msgspec
from starlette.responses import Response

from gateway.domain.errors import OAuthError

_NO_STORE = {"cache-control": "no-store", "pragma": "no-cache"}


def json_response(content: object, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    """Returns JSON that nobody may cache."""
    return Response(
        msgspec.json.encode(content),
        status,
        {**_NO_STORE, **(headers or {})},
        media_type="application/json",
    )


def oauth_error(error: OAuthError) -> Response:
    """Returns an error of the token endpoint (RFC 6749 §5.2)."""
    headers = {}
    if error.status == 401:  # noqa: PLR2004 - HTTP's own number
        what = 'realm="token"' if error.challenge == "Basic" else f'error="{error.error}"'
        headers["www-authenticate"] = f"{error.challenge} {what}"
    return json_response({"error": error.error, "error_description": error.description}, error.status, headers)


def bearer_error(error: OAuthError) -> Response:
    """Returns an error of userinfo (RFC 6750 §3); a request without a token gets the bare challenge."""
    challenge = "Bearer"
    if error.error != "missing_token":
        challenge = f'Bearer error="{error.error}", error_description="{error.description}"'
    body = {"error": error.error, "error_description": error.description} if error.error != "missing_token" else {}
    return json_response(body, error.status, {"www-authenticate": challenge})


def temporarily_unavailable() -> Response:
    """Returns what back-channel callers get while a part of the service is away."""
    content = {"error": "temporarily_unavailable", "error_description": "try again shortly"}
    return json_response(content, 503, {"retry-after": "1"})


def error_parameters(error: OAuthError, issuer: str, state: str | None) -> dict[str, str]:
    """Returns an authorization error response (RFC 6749 §4.1.2.1, RFC 9207)."""
    parameters = {"error": error.error, "error_description": error.description, "iss": issuer}
    if state:
        parameters["state"] = state
    return parameters


__all__ = [
    "bearer_error",
    "error_parameters",
    "json_response",
    "oauth_error",
    "temporarily_unavailable",
]
