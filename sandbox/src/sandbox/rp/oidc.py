"""The OpenID Connect client of the sample sites: Authlib, configured and nothing more."""

import asyncio
import ssl
from pathlib import Path
from typing import Self

import httpx
from authlib.integrations.starlette_client import OAuth, StarletteOAuth2App
from authlib.oauth2.rfc7523 import PrivateKeyJWT

from sandbox.rp.clients import load_key
from sandbox.rp.profiles import Site

PAUSES_SECONDS = (0.1, 0.5)


class PatientTransport(httpx.AsyncHTTPTransport):
    """Tries again when the connection breaks before there is an answer, unless the request is good for one time only.

    A token request is: its assertion may be spent although nobody has heard so.
    """

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Sends one request, three times at most."""
        for pause in PAUSES_SECONDS:
            try:
                return await super().handle_async_request(request)
            except httpx.ConnectError:
                await asyncio.sleep(pause)
            except (httpx.NetworkError, httpx.RemoteProtocolError):
                if request.method != "GET":
                    raise
                await asyncio.sleep(pause)
        return await super().handle_async_request(request)

    # Authlib makes and closes a client for each request; the connections live on.

    async def __aenter__(self) -> Self:
        """Opens nothing."""
        return self

    async def __aexit__(self, *_: object) -> None:
        """Closes nothing."""

    async def aclose(self) -> None:
        """Closes nothing."""


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
            "transport": PatientTransport(verify=tls),
            "timeout": 10,
        },
    )
    return app
