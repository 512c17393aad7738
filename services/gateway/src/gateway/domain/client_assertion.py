"""Client authentication by private_key_jwt (OpenID Connect Core §9, RFC 7523 §3): the checks of the claims.

The signature is checked by `gateway.assertion_keys`, which knows keys; here stand the rules about what was signed.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from gateway.domain.errors import OAuthError

ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
ALGORITHMS = ("ES256", "PS256", "RS256")
MAX_ASSERTION = 4096
# Relying parties in the wild use 5 seconds to a day; the clocks of both sides may differ.
MAX_LIFETIME_SECONDS = 86_400 + 60
LEEWAY_SECONDS = 30
_JTI = re.compile(r"[\x20-\x7E]{1,255}")


@dataclass(frozen=True, slots=True)
class ClientAssertion:
    """An assertion whose claims kept every rule."""

    client_id: str
    jti: str
    expires_at: float


def invalid_client(rule: str, *, challenge: str = "Bearer") -> OAuthError:
    """Returns the error of RFC 6749 §5.2 for a client that is not who it says."""
    return OAuthError("invalid_client", rule, status=401, challenge=challenge)


def presented_assertion(form: Mapping[str, str]) -> str:
    """Returns the assertion of a token request; raises invalid_client where it is missing or of another kind."""
    if "client_secret" in form:
        raise invalid_client("client authentication must be private_key_jwt")
    if form.get("client_assertion_type") != ASSERTION_TYPE:
        raise invalid_client("client_assertion_type must be jwt-bearer")
    assertion = form.get("client_assertion")
    if not assertion:
        raise invalid_client("client_assertion is required")
    if len(assertion) > MAX_ASSERTION:
        raise invalid_client("client_assertion is too long")
    return assertion


def check_claims(claims: Mapping[str, Any], *, audiences: frozenset[str], now: float) -> ClientAssertion:
    """Checks issuer, subject, audience, times and id of a signed assertion (RFC 7523 §3)."""
    issuer = claims.get("iss")
    if not isinstance(issuer, str) or claims.get("sub") != issuer:
        raise invalid_client("client_assertion: iss and sub must be the client_id")
    audience = claims.get("aud")
    named = audience if isinstance(audience, list) else [audience]
    # All of them must be this server: another one among them could present the assertion here.
    if not named or not all(isinstance(one, str) and one in audiences for one in named):
        raise invalid_client("client_assertion: aud must be the token endpoint or the issuer")
    expires_at = _moment(claims, "exp")
    if expires_at is None:
        raise invalid_client("client_assertion: exp is required")
    if expires_at <= now - LEEWAY_SECONDS:
        raise invalid_client("client_assertion: expired")
    if expires_at > now + MAX_LIFETIME_SECONDS:
        raise invalid_client("client_assertion: exp is too far ahead")
    for name in ("nbf", "iat"):
        moment = _moment(claims, name)
        if moment is not None and moment > now + LEEWAY_SECONDS:
            raise invalid_client(f"client_assertion: {name} is in the future")
    jti = claims.get("jti")
    if not isinstance(jti, str) or not _JTI.fullmatch(jti):
        raise invalid_client("client_assertion: jti is required")
    return ClientAssertion(issuer, jti, expires_at)


def _moment(claims: Mapping[str, Any], name: str) -> float | None:
    value = claims.get(name)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < 2**53:
        raise invalid_client(f"client_assertion: {name} must be a number of seconds")
    return float(value)
