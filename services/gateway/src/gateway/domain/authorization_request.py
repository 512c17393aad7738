"""The authorization request: one check a rule, in the order of the table at the end.

Client and redirect URI come first, since before they are known nothing may be redirected (RFC 6749 §4.1.2.1).
"""

import re
from collections.abc import Callable
from dataclasses import dataclass

from gateway.domain.client import Client
from gateway.domain.errors import OAuthError, UnsafeRequest
from gateway.domain.parameters import Parameters
from gateway.domain.pkce import check_code_challenge
from gateway.domain.redirect_uri import check_redirect_uri

ATTRIBUTE_SCOPES = ("name", "address", "birthdate", "gender")
_PRINTABLE = re.compile(r"[\x20-\x7E]{1,255}")
_ANSWERABLE = re.compile(r"[\x20-\x7E]+")
_WEIGHT = re.compile(r"q=([01](?:\.[0-9]{0,3})?)")
_LANGUAGES = ("ja", "en")
_MAX_UI_LOCALES = 255


@dataclass(frozen=True, slots=True)
class AuthorizationRequest:
    """A request that kept every rule."""

    client_id: str
    redirect_uri: str
    scopes: tuple[str, ...]
    state: str
    nonce: str
    code_challenge: str
    language: str | None

    @property
    def attributes(self) -> tuple[str, ...]:
        """Returns the asked attributes in their fixed order."""
        return tuple(scope for scope in ATTRIBUTE_SCOPES if scope in self.scopes)


def check_client(parameters: Parameters, find: Callable[[str], Client | None]) -> Client:
    """Returns the client of a request; raises UnsafeRequest when it is missing or unknown."""
    client_id = parameters.get("client_id")
    if "client_id" in parameters.faults:
        raise UnsafeRequest("request_unreadable")
    if client_id is None:
        raise UnsafeRequest("client_id_missing")
    client = find(client_id)
    if client is None:
        raise UnsafeRequest("client_id_unknown")
    return client


def check_readable(parameters: Parameters, _client: Client) -> None:
    """Every parameter, known or not, is given once, in UTF-8 and within bounds (RFC 6749 §3.1)."""
    for rule in parameters.faults.values():
        raise OAuthError("invalid_request", rule)


def check_response_type(parameters: Parameters, _client: Client) -> None:
    """`response_type` must be code (OpenID Connect Core §3.1.2.1)."""
    response_type = parameters.get("response_type")
    if response_type is None:
        raise OAuthError("invalid_request", "response_type is required")
    if response_type != "code":
        raise OAuthError("unsupported_response_type", "response_type must be code")


def check_response_mode(parameters: Parameters, _client: Client) -> None:
    """`response_mode`, if given, must be the code flow's own."""
    if parameters.get("response_mode", "query") != "query":
        raise OAuthError("invalid_request", "response_mode must be query")


def check_request_objects(parameters: Parameters, _client: Client) -> None:
    """Request objects are refused with the errors that OpenID Connect Core §3.1.2.6 gives them."""
    if "request" in parameters:
        raise OAuthError("request_not_supported", "request objects are not supported")
    if "request_uri" in parameters:
        raise OAuthError("request_uri_not_supported", "request_uri is not supported")
    if "registration" in parameters:
        raise OAuthError("registration_not_supported", "registration is not supported")


def check_scope(parameters: Parameters, client: Client) -> None:
    """`scope` holds openid; what is known must be registered for the client; unknown values are ignored (§3.1.2.1)."""
    asked = parameters.get("scope", "").split(" ")
    if "openid" not in asked:
        raise OAuthError("invalid_scope", "scope must contain openid")
    if any(scope in ATTRIBUTE_SCOPES and scope not in client.scopes for scope in asked):
        raise OAuthError("invalid_scope", "scope holds a value that is not registered for this client")


def check_state(parameters: Parameters, _client: Client) -> None:
    """`state` is required, 1 to 255 printable ASCII characters."""
    _check_printable(parameters, "state")


def check_nonce(parameters: Parameters, _client: Client) -> None:
    """`nonce` is required, 1 to 255 printable ASCII characters."""
    _check_printable(parameters, "nonce")


def check_pkce(parameters: Parameters, _client: Client) -> None:
    """PKCE with S256 is required of every client (RFC 9700 §2.1.1)."""
    check_code_challenge(parameters.get("code_challenge"), parameters.get("code_challenge_method"))


def check_prompt(parameters: Parameters, _client: Client) -> None:
    """`prompt=none` cannot succeed, because no session is kept; other values change nothing."""
    prompts = parameters.get("prompt", "").split()
    if "none" in prompts:
        if len(prompts) > 1:
            raise OAuthError("invalid_request", "prompt none stands alone")
        raise OAuthError("login_required", "every login needs the card")


def check_max_age(parameters: Parameters, _client: Client) -> None:
    """`max_age` is a number of seconds; it always holds, since every login is fresh."""
    max_age = parameters.get("max_age")
    if max_age is not None and not re.fullmatch(r"[0-9]{1,9}", max_age):
        raise OAuthError("invalid_request", "max_age must be a number of seconds")


def check_acr_values(parameters: Parameters, _client: Client) -> None:
    """`acr_values` is a wish (OpenID Connect Core §3.1.2.1): only its form is checked, every login is by card or phone."""
    acr_values = parameters.get("acr_values")
    if acr_values is not None and not _PRINTABLE.fullmatch(acr_values):
        raise OAuthError("invalid_request", "acr_values must be 1 to 255 printable ASCII characters")


def check_sign_transaction(parameters: Parameters, _client: Client) -> None:
    """Signing is not served yet, so asking for it is refused rather than ignored."""
    if "sign_transaction_id" in parameters or "sign" in parameters.get("scope", "").split(" "):
        raise OAuthError("invalid_scope", "signing is not available")


# The order in which a request is checked; what comes first is what the relying party is told.
CHECKS: tuple[Callable[[Parameters, Client], None], ...] = (
    check_readable,
    check_request_objects,
    check_response_type,
    check_response_mode,
    check_scope,
    check_sign_transaction,
    check_state,
    check_nonce,
    check_pkce,
    check_prompt,
    check_max_age,
    check_acr_values,
)


def check_authorization_request(parameters: Parameters, client: Client) -> AuthorizationRequest:
    """Returns the request; its client and redirect URI must have been checked before.

    Raises:
        OAuthError: the first rule that is broken, fit to be redirected.
    """
    redirect_uri = check_redirect_uri(client, parameters)
    for check in CHECKS:
        check(parameters, client)
    asked = parameters["scope"].split(" ")
    return AuthorizationRequest(
        client_id=client.client_id,
        redirect_uri=redirect_uri,
        scopes=tuple(scope for scope in ("openid", *ATTRIBUTE_SCOPES) if scope in asked),
        state=parameters["state"],
        nonce=parameters["nonce"],
        code_challenge=parameters["code_challenge"],
        language=language_of(parameters.get("ui_locales"), None),
    )


def answerable_state(parameters: Parameters) -> str | None:
    """Returns the `state` to send back with an error (RFC 6749 §4.1.2.1), also one that is too long for a login.

    One that holds other characters than the rule allows is not sent anywhere.
    """
    state = parameters.get("state")
    return state if state is not None and _ANSWERABLE.fullmatch(state) else None


def language_of(ui_locales: str | None, accept_language: str | None) -> str | None:
    """Returns ja or en by `ui_locales`, then `Accept-Language` (RFC 9110 §12.5.4); None where neither says."""
    for tag in (ui_locales or "")[:_MAX_UI_LOCALES].split():
        primary = tag.lower().split("-")[0]
        if primary in _LANGUAGES:
            return primary
    ranked: list[tuple[float, int, str]] = []
    for position, entry in enumerate((accept_language or "")[:_MAX_UI_LOCALES].split(",")):
        tag, *weight = (part.strip().lower() for part in entry.split(";"))
        primary = tag.split("-")[0]
        quality = _quality(weight)
        if primary in _LANGUAGES and quality > 0:
            ranked.append((-quality, position, primary))
    return min(ranked)[2] if ranked else None


def _quality(weight: list[str]) -> float:
    """Returns the weight of a language (RFC 9110 §12.4.2); 0, not wanted, where it cannot be read."""
    if not weight:
        return 1.0
    given = _WEIGHT.fullmatch(weight[0])
    return float(given[1]) if given else 0.0


def _check_printable(parameters: Parameters, name: str) -> None:
    value = parameters.get(name)
    if not value:
        raise OAuthError("invalid_request", f"{name} is required")
    if not _PRINTABLE.fullmatch(value):
        raise OAuthError("invalid_request", f"{name} must be 1 to 255 printable ASCII characters")
