"""Checks the signature of a client assertion with the client's registered keys, inline or behind `jwks_uri`."""

import asyncio
import contextlib
import time
from dataclasses import dataclass
from typing import Any

import aiohttp
import msgspec
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, KeySet, OctKey, OKPKey, RSAKey
from joserfc.registry import Header

from gateway.domain.client import Client
from gateway.domain.client_assertion import ALGORITHMS, invalid_client
from gateway.domain.errors import OAuthError

MAX_JWKS_BYTES = 64 * 1024
_PIECE_BYTES = 16 * 1024
JWKS_LIFE_SECONDS = 600.0
# An unknown key id may be a rotation, and may be an attempt to make us fetch for ever.
JWKS_REFETCH_SECONDS = 10.0
FETCH_SECONDS = 5.0
# A site that is away or broken is not asked for every assertion that names its client.
JWKS_RETRY_SECONDS = 5.0
MIN_RSA_BITS = 2048
# Each is tried in turn where an assertion names a key id that nobody registered.
MOST_NAMELESS = 4
# What a library makes of a JWT that is none; deeply nested JSON ends as RecursionError.
_UNREADABLE = (JoseError, ValueError, TypeError, KeyError, AttributeError, RecursionError)


class AssertionKeys:
    """Keeps parsed keys by client; a runtime part for the session that fetches `jwks_uri`."""

    name = "assertion-keys"

    def __init__(self) -> None:
        self._parsed: dict[str, tuple[object, float, _Keys]] = {}
        self._session: aiohttp.ClientSession | None = None
        self._failed: dict[str, tuple[object, float]] = {}
        self._fetching: dict[str, asyncio.Lock] = {}

    async def start(self) -> None:
        """Opens the session."""
        self._session = aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=FETCH_SECONDS))

    async def stop(self) -> None:
        """Closes the session."""
        if self._session is not None:
            await self._session.close()

    async def verified_claims(self, client: Client, assertion: str) -> dict[str, Any]:
        """Returns the claims of an assertion that the client has signed.

        Raises:
            OAuthError: invalid_client, naming the rule.
        """
        keys = await self._keys(client, JWKS_LIFE_SECONDS)
        try:
            return self._decode(assertion, keys)
        except _UNREADABLE:
            if client.jwks_uri is None:
                raise invalid_client("client_assertion: not signed with a registered key") from None
        keys = await self._keys(client, JWKS_REFETCH_SECONDS)
        try:
            return self._decode(assertion, keys)
        except _UNREADABLE:
            raise invalid_client("client_assertion: not signed with a registered key") from None

    def _decode(self, assertion: str, keys: "_Keys") -> dict[str, Any]:
        token = _verified(assertion, keys)
        _check_type(token.header)
        return dict(token.claims)

    async def _keys(self, client: Client, life: float) -> "_Keys":
        # Compared by value: the registry is read anew every few seconds.
        source: object = client.jwks_uri or client.jwks
        known = self._parsed.get(client.client_id)
        if known is not None and known[0] == source and (client.jwks_uri is None or time.monotonic() - known[1] < life):
            return known[2]
        if client.jwks_uri is None:
            keys = _key_set(client.jwks or {})
        else:
            async with self._fetching.setdefault(client.client_id, asyncio.Lock()):
                known = self._parsed.get(client.client_id)
                if known is not None and known[0] == source and time.monotonic() - known[1] < life:
                    return known[2]
                last = known[2] if known is not None and known[0] == source else None
                try:
                    keys = await self._fetched(client.client_id, client.jwks_uri)
                except OAuthError:
                    if last is None:
                        raise
                    # The keys of before serve on: a site that is away has taken none of them back.
                    return last
        self._parsed[client.client_id] = (source, time.monotonic(), keys)
        return keys

    async def _fetched(self, client_id: str, uri: str) -> "_Keys":
        failed = self._failed.get(client_id)
        if failed is not None and failed[0] == uri and time.monotonic() - failed[1] < JWKS_RETRY_SECONDS:
            raise invalid_client("jwks_uri cannot be read")
        try:
            keys = _key_set(await self._fetch(uri))
        except OAuthError:
            self._failed[client_id] = (uri, time.monotonic())
            raise
        self._failed.pop(client_id, None)
        return keys

    async def _fetch(self, uri: str) -> dict[str, Any]:
        if self._session is None:
            raise invalid_client("jwks_uri cannot be read")
        try:
            async with self._session.get(uri, allow_redirects=False) as response:
                if response.status != 200:  # noqa: PLR2004 - HTTP's own number
                    raise invalid_client("jwks_uri cannot be read")
                body = bytearray()
                # In pieces as they come: one read returns only what has arrived.
                async for piece in response.content.iter_chunked(_PIECE_BYTES):
                    body += piece
                    if len(body) > MAX_JWKS_BYTES:
                        raise invalid_client("jwks_uri cannot be read")
                decoded = msgspec.json.decode(body)
        except (aiohttp.ClientError, TimeoutError, msgspec.MsgspecError, UnicodeError, RecursionError):
            raise invalid_client("jwks_uri cannot be read") from None
        return decoded if isinstance(decoded, dict) else {}


@dataclass(frozen=True, slots=True)
class _Keys:
    """A client's keys, and those among them that were registered without a key id."""

    all: KeySet
    nameless: tuple[RSAKey | ECKey, ...]


def _verified(assertion: str, keys: _Keys) -> jwt.Token:
    """Returns a token that one of the keys has signed; raises what the library does."""
    try:
        return jwt.decode(assertion, keys.all, algorithms=list(ALGORITHMS))
    except _UNREADABLE:
        # The library names a key without an id after its thumbprint; the client may call it as it likes (RFC 7517 §4.5).
        for key in keys.nameless:
            with contextlib.suppress(*_UNREADABLE):
                return jwt.decode(assertion, key, algorithms=list(ALGORITHMS))
        raise


def _key_set(jwks: dict[str, Any]) -> _Keys:
    entries = jwks.get("keys")
    keys: list[OctKey | RSAKey | ECKey | OKPKey] = []
    nameless: list[RSAKey | ECKey] = []
    for entry in entries if isinstance(entries, list) else []:
        try:
            key = _usable_key(entry)
            if key is None:
                continue
            keys.append(key)
            if "kid" not in entry and len(nameless) < MOST_NAMELESS:
                nameless.append(key)
        except (JoseError, ValueError, TypeError, AttributeError, KeyError):
            # One key that cannot be read does not take the others away.
            continue
    if not keys:
        raise invalid_client("the client has no usable key registered")
    return _Keys(KeySet(keys), tuple(nameless))


def _usable_key(entry: dict[str, Any]) -> RSAKey | ECKey | None:
    if entry.get("kty") == "EC" and entry.get("crv") == "P-256":
        return ECKey.import_key(entry)
    if entry.get("kty") == "RSA":
        key = RSAKey.import_key(entry)
        if key.public_key.key_size >= MIN_RSA_BITS:
            return key
    return None


def _check_type(header: Header) -> None:
    # RFC 7523 leaves typ open; a token made for something else says so here.
    typ = str(header.get("typ", "JWT")).lower()
    if typ not in ("jwt", "client-authentication+jwt"):
        raise ValueError("wrong type")
