"""The OpenID Connect client of the sample sites: Authlib, configured and nothing more."""

import ssl
from pathlib import Path

from authlib.integrations.starlette_client import OAuth, StarletteOAuth2App
from authlib.oauth2.rfc7523 import PrivateKeyJWT

from sandbox.rp.clients import load_key
from sandbox.rp.profiles import Site


def client(site: Site, issuer: str, state: Path, web_ca: Path) -> StarletteOAuth2App:
    """Authorization code flow with state, nonce and PKCE S256; private_key_jwt with ES256 at the token endpoint."""
    tls = ssl.create_default_context(cafile=str(web_ca))
    oauth = OAuth()
    app: StarletteOAuth2App = oauth.register(
        name="shirushi",
        server_metadata_url=f"{issuer}/.well-known/openid-configuration",
        client_id=site.name,
        client_secret=load_key(state, site.name),
        client_auth_methods=[PrivateKeyJWT(alg="ES256")],
        client_kwargs={
            "scope": site.scope,
            "code_challenge_method": "S256",
            "token_endpoint_auth_method": "private_key_jwt",
            # One context for all: making one costs more than the whole login.
            "verify": tls,
            "timeout": 10,
        },
    )
    return app
