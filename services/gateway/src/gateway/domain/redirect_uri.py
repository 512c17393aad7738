"""The redirect URI of a request must be a registered one, character by character (RFC 9700 §2.1)."""

from urllib.parse import urlencode, urlsplit

from gateway.domain.client import Client
from gateway.domain.errors import UnsafeRequest
from gateway.domain.parameters import Parameters


def check_redirect_uri(client: Client, parameters: Parameters) -> str:
    """Returns the redirect URI of a request if it is registered.

    Raises:
        UnsafeRequest: missing or not registered; nothing may be sent there.
    """
    redirect_uri = parameters.get("redirect_uri")
    if "redirect_uri" in parameters.faults:
        raise UnsafeRequest("request_unreadable")
    if redirect_uri is None:
        raise UnsafeRequest("redirect_uri_missing")
    if redirect_uri not in client.redirect_uris:
        raise UnsafeRequest("redirect_uri_unregistered")
    return redirect_uri


def with_parameters(redirect_uri: str, parameters: dict[str, str]) -> str:
    """Returns the redirect URI with parameters added to its query (RFC 6749 §4.1.2)."""
    joint = "&" if "?" in redirect_uri else "?"
    if redirect_uri.endswith(("?", "&")):
        joint = ""
    return f"{redirect_uri}{joint}{urlencode(parameters)}"


def shown_origin(redirect_uri: str) -> str:
    """Returns what the holder is shown of where they come back to: the origin, or the private scheme."""
    parts = urlsplit(redirect_uri)
    if parts.scheme in ("https", "http"):
        return f"{parts.scheme}://{parts.netloc}"
    return f"{parts.scheme}:"
