"""Keys behind `jwks_uri`, over loopback: fetched once, fetched again for an unknown key, bounded and never redirected."""

import asyncio
import json
from contextlib import asynccontextmanager

import pytest
from aiohttp import web
from gateway.assertion_keys import JWKS_LIFE_SECONDS, JWKS_REFETCH_SECONDS, JWKS_RETRY_SECONDS, AssertionKeys
from gateway.domain.client import Client
from gateway.domain.errors import OAuthError
from joserfc import jwt

from tests.component.gateway.relying_party import generated


class Site:
    """A relying party's web site."""

    def __init__(self):
        self.key = generated()
        self.asked = 0
        self.answer = None
        self.in_pieces = False

    async def keys(self, request):
        self.asked += 1
        if self.in_pieces:
            return await self.stream(request)
        if self.answer is not None:
            return self.answer()
        return web.json_response({"keys": [self.key.as_dict(private=False)]})

    async def stream(self, request):
        body = json.dumps({"keys": [self.key.as_dict(private=False)]}).encode()
        response = web.StreamResponse()
        await response.prepare(request)
        await response.write(body[:40])
        await asyncio.sleep(0.02)
        await response.write(body[40:])
        return response

    def assertion(self):
        return jwt.encode({"alg": "ES256", "kid": self.key.kid}, {"iss": "city"}, self.key)


@asynccontextmanager
async def running(app):
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


@pytest.fixture
async def site():
    return Site()


@pytest.fixture
async def client(site):
    app = web.Application()
    app.router.add_get("/jwks", site.keys)
    async with running(app) as origin:
        yield Client(
            client_id="city",
            name={"ja": "市"},
            redirect_uris=("https://city.test/",),
            sector_identifier="city.test",
            jwks_uri=f"{origin}/jwks",
        )


@pytest.fixture
async def keys():
    keys = AssertionKeys()
    await keys.start()
    yield keys
    await keys.stop()


async def test_keys_are_fetched_once(keys, site, client):
    for _ in range(3):
        assert (await keys.verified_claims(client, site.assertion()))["iss"] == "city"
    assert site.asked == 1


async def test_an_unknown_key_is_looked_for_again_but_not_at_once(keys, site, client, monkeypatch):
    now = [1000.0]
    monkeypatch.setattr("gateway.assertion_keys.time.monotonic", lambda: now[0])
    await keys.verified_claims(client, site.assertion())
    site.key = generated()
    with pytest.raises(OAuthError):
        await keys.verified_claims(client, site.assertion())
    assert site.asked == 1
    now[0] += JWKS_REFETCH_SECONDS + 1
    await keys.verified_claims(client, site.assertion())
    assert site.asked == 2


UNREADABLE = {
    "not found": lambda: web.Response(status=404),
    "a redirect": lambda: web.Response(status=302, headers={"location": "/jwks"}),
    "no JSON": lambda: web.Response(text="<html>"),
    "not UTF-8": lambda: web.Response(body=b"\xff"),
    "nested": lambda: web.Response(text="[" * 50_000),
    "a list": lambda: web.json_response([]),
    "no keys": lambda: web.json_response({"keys": []}),
    "keys of other kinds": lambda: web.json_response({"keys": [{"kty": "oct", "k": "AA"}, 7, None, {"kty": "EC"}]}),
    "too large": lambda: web.Response(body=b" " * 70_000 + b'{"keys":[]}'),
}


@pytest.mark.parametrize("kind", UNREADABLE)
async def test_what_cannot_be_read_is_no_key(keys, site, client, kind):
    site.answer = UNREADABLE[kind]
    with pytest.raises(OAuthError) as refused:
        await keys.verified_claims(client, site.assertion())
    assert refused.value.error == "invalid_client"
    assert client.jwks_uri not in refused.value.description


async def test_a_site_that_is_away_is_no_key(keys, site):
    away = Client("city", {"ja": "市"}, ("https://city.test/",), "city.test", jwks_uri="http://127.0.0.1:9/jwks")
    with pytest.raises(OAuthError):
        await keys.verified_claims(away, site.assertion())


async def test_keys_that_come_in_pieces_are_read_to_their_end(keys, site, client):
    site.in_pieces = True
    assert (await keys.verified_claims(client, site.assertion()))["iss"] == "city"


async def test_a_site_that_is_broken_is_not_asked_for_every_assertion(keys, site, client, monkeypatch):
    now = [1000.0]
    monkeypatch.setattr("gateway.assertion_keys.time.monotonic", lambda: now[0])
    site.answer = UNREADABLE["not found"]
    for _ in range(3):
        with pytest.raises(OAuthError):
            await keys.verified_claims(client, site.assertion())
    assert site.asked == 1
    site.answer = None
    now[0] += JWKS_RETRY_SECONDS + 1
    assert (await keys.verified_claims(client, site.assertion()))["iss"] == "city"


async def test_known_keys_serve_on_while_the_site_is_away(keys, site, client, monkeypatch):
    now = [1000.0]
    monkeypatch.setattr("gateway.assertion_keys.time.monotonic", lambda: now[0])
    await keys.verified_claims(client, site.assertion())
    site.answer = UNREADABLE["not found"]
    now[0] += JWKS_LIFE_SECONDS + 1
    assert (await keys.verified_claims(client, site.assertion()))["iss"] == "city"
    assert site.asked == 2
