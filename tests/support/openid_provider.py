"""A fake OpenID provider, strict about what a relying party sends: PKCE S256 and private_key_jwt with ES256."""

import base64
import hashlib
import time
from dataclasses import dataclass, field
from secrets import token_urlsafe

from aiohttp import web
from joserfc import jwt
from joserfc.jwk import ECKey, KeySet


@dataclass
class OpenIdProvider:
    client_keys: dict
    sub: str = "pairwise-sub-of-hanako"
    claims: dict = field(default_factory=dict)
    issuer: str = ""
    requests: dict = field(default_factory=dict)
    spoil: dict = field(default_factory=dict)
    away: bool = False
    userinfo_away: bool = False

    def __post_init__(self):
        self.key = ECKey.generate_key("P-256", {"alg": "ES256"}, private=True, auto_kid=True)

    def app(self):
        app = web.Application()
        app.router.add_get("/.well-known/openid-configuration", self.discovery)
        app.router.add_get("/certs", self.certs)
        app.router.add_post("/token", self.token)
        app.router.add_get("/userinfo", self.userinfo)
        return app

    async def discovery(self, _):
        return web.json_response(
            {
                "issuer": self.issuer,
                "authorization_endpoint": f"{self.issuer}/auth",
                "token_endpoint": f"{self.issuer}/token",
                "userinfo_endpoint": f"{self.issuer}/userinfo",
                "jwks_uri": f"{self.issuer}/certs",
                "id_token_signing_alg_values_supported": ["ES256"],
            }
        )

    async def certs(self, _):
        return web.json_response({"keys": [self.key.as_dict(private=False)]})

    def approve(self, query):
        """What the authorization endpoint would do in the end: a code for these parameters."""
        code = token_urlsafe(16)
        self.requests[code] = query
        return code

    async def token(self, request):
        form = await request.post()
        if self.away:
            return web.json_response({"error": "temporarily_unavailable"}, status=503)
        asked = self.requests.pop(form["code"])
        assert form["redirect_uri"] == asked["redirect_uri"]
        digest = hashlib.sha256(form["code_verifier"].encode()).digest()
        assert base64.urlsafe_b64encode(digest).rstrip(b"=").decode() == asked["code_challenge"]
        assert form["client_assertion_type"] == "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
        keys = KeySet([self.client_keys[asked["client_id"]]])
        assertion = jwt.decode(form["client_assertion"], keys, algorithms=["ES256"]).claims
        assert assertion["iss"] == assertion["sub"] == asked["client_id"]
        assert assertion["aud"] == f"{self.issuer}/token"
        assert assertion["jti"]
        now = int(time.time())
        claims = {
            "iss": self.issuer,
            "sub": self.sub,
            "aud": asked["client_id"],
            "nonce": asked["nonce"],
            "iat": now,
            "exp": now + 300,
            "acr": "aal3",
        } | self.spoil
        id_token = jwt.encode({"alg": "ES256", "kid": self.key.kid}, claims, self.key)
        return web.json_response(
            {"access_token": "token", "token_type": "Bearer", "expires_in": 300, "id_token": id_token}
        )

    async def userinfo(self, request):
        assert request.headers["authorization"] == "Bearer token"
        if self.userinfo_away:
            return web.json_response({"error": "temporarily_unavailable"}, status=503)
        return web.json_response({"sub": self.sub} | self.claims)
