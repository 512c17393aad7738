"""A relying party: its registration, its requests and its assertions."""

import hashlib
from dataclasses import dataclass, field
from secrets import token_urlsafe

import httpx
from joserfc import jwt
from joserfc.jwk import ECKey, RSAKey
from kit.encoding import b64u

from tests.component.gateway.world import ISSUER, OIDC, TOKEN_ENDPOINT, Gateway, query_of

NOTHING = object()


def generated(kind="EC"):
    if kind == "EC":
        return ECKey.generate_key("P-256", {"use": "sig", "alg": "ES256"}, private=True, auto_kid=True)
    return RSAKey.generate_key(2048, {"use": "sig", "alg": "RS256"}, private=True, auto_kid=True)


def registration(client_id, key, **more):
    """A registration as it stands in the registry's file."""
    return {
        "client_id": client_id,
        "name": {"ja": f"{client_id}の窓口", "en": f"The desk of {client_id}"},
        "purpose": {"ja": "本人確認", "en": "to know you"},
        "redirect_uris": [f"https://{client_id}.test/callback"],
        "scopes": ["openid", "name", "address", "birthdate", "gender"],
        "jwks": {"keys": [key.as_dict(private=False)]},
        **more,
    }


@dataclass
class RelyingParty:
    """Speaks as one client; what a test wants otherwise is given by name, NOTHING leaves a parameter out."""

    gateway: Gateway
    client_id: str
    key: ECKey | RSAKey
    verifier: str = field(default_factory=lambda: token_urlsafe(40))
    state: str = field(default_factory=lambda: token_urlsafe(12))
    nonce: str = field(default_factory=lambda: token_urlsafe(12))

    @property
    def redirect_uri(self):
        return f"https://{self.client_id}.test/callback"

    def request(self, **changes):
        """The parameters of an authorization request."""
        return _changed(
            {
                "response_type": "code",
                "client_id": self.client_id,
                "redirect_uri": self.redirect_uri,
                "scope": "openid name address birthdate gender",
                "state": self.state,
                "nonce": self.nonce,
                "code_challenge": b64u(hashlib.sha256(self.verifier.encode()).digest()),
                "code_challenge_method": "S256",
            },
            changes,
        )

    def assertion(self, *, key=None, header=None, **changes):
        """A signed client assertion."""
        now = int(self.gateway.clock.now())
        claims = _changed(
            {
                "iss": self.client_id,
                "sub": self.client_id,
                "aud": TOKEN_ENDPOINT,
                "jti": token_urlsafe(12),
                "iat": now,
                "exp": now + 60,
            },
            changes,
        )
        key = key or self.key
        header = {"alg": "ES256" if isinstance(key, ECKey) else "RS256", "kid": key.kid, **(header or {})}
        header = {name: value for name, value in header.items() if value is not NOTHING}
        return jwt.encode(header, claims, key, algorithms=["ES256", "RS256", "PS256"])

    def token_form(self, code, /, **changes):
        """The form of a token request."""
        return _changed(
            {
                "grant_type": "authorization_code",
                "code": code,
                "redirect_uri": self.redirect_uri,
                "code_verifier": self.verifier,
                "client_id": self.client_id,
                "client_assertion_type": "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
                "client_assertion": changes.get("client_assertion") or self.assertion(),
            },
            changes,
        )

    async def post_token(self, form, replica=0) -> httpx.Response:
        async with self.gateway.http(replica) as http:
            return await http.post(f"{OIDC}/token", data=form)

    async def redeem(self, code, /, *, replica=0, **changes) -> httpx.Response:
        return await self.post_token(self.token_form(code, **changes), replica)

    async def userinfo(self, access_token) -> httpx.Response:
        async with self.gateway.http() as http:
            return await http.get(f"{OIDC}/userinfo", headers={"authorization": f"Bearer {access_token}"})

    def code_of(self, response):
        """The code of a redirect to this relying party, everything about which is checked."""
        assert response.status_code == 303
        target = response.headers["location"]
        assert target.startswith(f"{self.redirect_uri}?")
        parameters = query_of(target)
        assert parameters.pop("state") == self.state
        assert parameters.pop("iss") == ISSUER
        code = parameters.pop("code")
        assert not parameters.keys() - {"session_state"}
        return code

    def error_of(self, response, state=None):
        """Error and description of a redirect to this relying party, everything else about which is checked."""
        assert response.status_code == 303
        target = response.headers["location"]
        assert target.startswith(f"{self.redirect_uri}?")
        parameters = query_of(target)
        assert parameters.pop("iss") == ISSUER
        assert parameters.pop("state", state or self.state) == (state or self.state)
        return parameters["error"], parameters.get("error_description")


def _changed(values, changes):
    return {name: value for name, value in {**values, **changes}.items() if value is not NOTHING}
