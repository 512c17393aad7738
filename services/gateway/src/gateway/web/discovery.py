"""OpenID Provider configuration and the keys that check ID tokens (OpenID Connect Discovery §4, RFC 8414)."""

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from gateway.domain.claims import CLAIMS
from gateway.domain.client_assertion import ALGORITHMS
from gateway.web.parts import BASE, OIDC, Parts

_CACHED = {"cache-control": "public, max-age=300", "access-control-allow-origin": "*"}


def configuration(parts: Parts) -> dict[str, object]:
    """Returns the provider metadata; what is not listed is not supported."""
    endpoints = f"{parts.origin}{OIDC}"
    return {
        "issuer": parts.issuer,
        "authorization_endpoint": f"{endpoints}/auth",
        "token_endpoint": f"{endpoints}/token",
        "userinfo_endpoint": f"{endpoints}/userinfo",
        "jwks_uri": f"{endpoints}/certs",
        "response_types_supported": ["code"],
        "response_modes_supported": ["query"],
        "grant_types_supported": ["authorization_code"],
        "subject_types_supported": ["pairwise"],
        "id_token_signing_alg_values_supported": ["ES256"],
        "scopes_supported": ["openid", "name", "address", "birthdate", "gender"],
        "claims_supported": [
            *CLAIMS,
            "iss",
            "aud",
            "exp",
            "iat",
            "auth_time",
            "nonce",
            "at_hash",
            "acr",
            "amr",
            "attributes_source",
            "certificate_status",
        ],
        "acr_values_supported": ["aal3", "aal2"],
        "code_challenge_methods_supported": ["S256"],
        "token_endpoint_auth_methods_supported": ["private_key_jwt"],
        "token_endpoint_auth_signing_alg_values_supported": list(ALGORITHMS),
        "authorization_response_iss_parameter_supported": True,
        "claims_parameter_supported": False,
        "request_parameter_supported": False,
        "request_uri_parameter_supported": False,
        "ui_locales_supported": ["ja", "en"],
        "prompt_values_supported": ["none", "login", "consent", "select_account"],
    }


def routes(parts: Parts) -> list[Route]:
    """Returns the routes; both documents are made once."""
    metadata = msgspec.json.encode(configuration(parts))
    keys = msgspec.json.encode(parts.id_tokens.public)

    async def show_configuration(_request: Request) -> Response:
        return Response(metadata, headers=_CACHED, media_type="application/json")

    async def show_keys(_request: Request) -> Response:
        return Response(keys, headers=_CACHED, media_type="application/json")

    return [
        Route(f"{BASE}/.well-known/openid-configuration", show_configuration, methods=["GET"], name="discovery"),
        Route(f"{OIDC}/certs", show_keys, methods=["GET"], name="certs"),
    ]
