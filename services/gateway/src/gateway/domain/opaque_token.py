"""Opaque tokens: what the gateway hands out is sealed under the epoch's token key, and is nothing once that is gone."""

import os
import struct
from dataclasses import dataclass
from typing import Protocol

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from kit.clock import Clock
from kit.custody import KeyGone
from kit.encoding import b64u, length_prefixed, unb64u
from kit.hour import Hour

LOGIN_ID_BYTES = 16
SECRET_BYTES = 16
MAX_TOKEN_BYTES = 256
_EPOCH = struct.Struct(">I")
_NONCE_BYTES = 12


class TokenKeys(Protocol):
    """Where token keys come from: kit.custody."""

    def token_key(self, epoch: int) -> bytes:
        """Returns the key of an epoch; raises KeyGone, Unavailable."""
        ...


@dataclass(frozen=True, slots=True)
class PresentTokenKeys:
    """Token keys of epochs that have begun; nothing was ever sealed for a later one, whoever says so made it up.

    Custody would answer that the key is not there yet, which asks the caller to come again; for a made-up token that is
    no answer.
    """

    keys: TokenKeys
    clock: Clock
    hour: Hour

    def token_key(self, epoch: int) -> bytes:
        """Returns the key of an epoch; raises KeyGone, Unavailable."""
        # One more for replicas whose clocks differ.
        if epoch > self.hour.epoch_of(self.clock.now()) + 1:
            raise KeyGone
        return self.keys.token_key(epoch)


class TokenInvalid(Exception):
    """Not a token of this kind, or altered."""


@dataclass(frozen=True, slots=True)
class OpenedToken:
    """A token that was ours: the login, and the secret that the login's document knows by digest."""

    epoch: int
    login_id: bytes
    payload: bytes


def seal_token(keys: TokenKeys, kind: str, epoch: int, login_id: bytes, payload: bytes) -> str:
    """Returns an opaque token; raises KeyGone, Unavailable.

    Args:
        keys: by epoch.
        kind: what it is good for; none passes for another. `page`: a login's pages in the browser that started it; holds
            what its QR codes are made of. `returned`: the same pages, after the app came back or the code was typed.
            `return`: the one-time code of the app's way back. `code`, `access`: OAuth's.
        epoch: the login's.
        login_id: the login's.
        payload: what else it holds.
    """
    nonce = os.urandom(_NONCE_BYTES)
    head = _EPOCH.pack(epoch) + nonce
    sealed = AESGCM(keys.token_key(epoch)).encrypt(nonce, login_id + payload, _place(kind, epoch))
    return b64u(head + sealed)


def open_token(keys: TokenKeys, kind: str, token: str) -> OpenedToken:
    """Opens a token of one kind.

    Raises:
        TokenInvalid: it is none, of another kind, or altered.
        KeyGone: its epoch is over.
        Unavailable: its epoch's key is not there yet.
    """
    try:
        raw = unb64u(token, max_bytes=MAX_TOKEN_BYTES)
        (epoch,) = _EPOCH.unpack_from(raw)
    except (ValueError, struct.error):
        raise TokenInvalid from None
    nonce, sealed = raw[4 : 4 + _NONCE_BYTES], raw[4 + _NONCE_BYTES :]
    key = keys.token_key(epoch)
    try:
        opened = AESGCM(key).decrypt(nonce, sealed, _place(kind, epoch))
    except (InvalidTag, ValueError):
        raise TokenInvalid from None
    return OpenedToken(epoch, opened[:LOGIN_ID_BYTES], opened[LOGIN_ID_BYTES:])


def _place(kind: str, epoch: int) -> bytes:
    return length_prefixed(b"shirushi token v1", kind.encode(), _EPOCH.pack(epoch))
