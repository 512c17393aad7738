"""What a relying party is told: ID token and userinfo claims (OpenID Connect Core §2, §5.1, §5.3)."""

import hashlib
from typing import Any

from kit.encoding import b64u

from gateway.domain.login import Login

_AMR = {"card": ["sc", "pin"], "phone": ["hwk", "pin"]}
_ACR = {"card": "aal3", "phone": "aal2"}
CLAIMS = ("sub", "name", "address", "birthdate", "gender")


def at_hash(access_token: str) -> str:
    """Returns the left half of the access token's SHA-256 (OpenID Connect Core §3.1.3.6, for ES256)."""
    return b64u(hashlib.sha256(access_token.encode("ascii")).digest()[:16])


def id_token_claims(
    login: Login, *, issuer: str, sub: str, access_token: str, now: float, lifetime: float
) -> dict[str, Any]:
    """Returns the claims of an ID token; attributes are at userinfo only, the token says where they come from."""
    verified = login.verified
    if verified is None:
        raise ValueError("no ID token without a verdict")
    claims: dict[str, Any] = {
        "iss": issuer,
        "sub": sub,
        "aud": login.client_id,
        "iat": int(now),
        "exp": int(now + lifetime),
        "auth_time": int(verified.verified_at),
        "nonce": login.nonce,
        "at_hash": at_hash(access_token),
        "acr": _ACR[verified.assurance],
        "amr": _AMR[verified.assurance],
    }
    if verified.revocation_method:
        claims["certificate_status"] = {
            "method": verified.revocation_method,
            "checked_at": int(verified.revocation_checked_at),
        }
    if verified.attributes:
        claims["attributes_source"] = verified.attributes_source
    return claims


def userinfo_claims(login: Login) -> dict[str, Any]:
    """Returns sub and the agreed attributes; address is a plain string, birthdate YYYYMMDD, gender the card's code."""
    if login.verified is None or login.collected is None:
        raise ValueError("no userinfo before the code")
    attributes = {name: value for name, value in login.verified.attributes.items() if name in login.scopes}
    return {"sub": login.collected.sub, **attributes}
