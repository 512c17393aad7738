"""The key that the phone seals to, trusted only with the verifier's signature of a key that the app pins."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from kit.encoding import length_prefixed, unb64u

MAX_KEY = 2048
REMEMBERED = 256


def pinned_keys(signers: Path) -> list[bytes]:
    """The verifier's long-term keys from the signers file, which a real app would ship."""
    return [unb64u(key, max_bytes=32) for key in json.loads(signers.read_text())["verifier"]]


class UntrustedKeyError(Exception):
    """The sealing key is not the verifier's, or of another epoch; challenge, or whoever stands before it, is lying."""


def statement(service: str, epoch: int, chain_id: bytes, public_key: bytes) -> bytes:
    """What the verifier signs: the label and fields 1 to 4 of `SealingKey`."""
    return length_prefixed(b"shirushi sealing key v1", service.encode(), epoch.to_bytes(4, "big"), chain_id, public_key)


class Pins:
    """The verifier's long-term keys, as the app ships them; remembers what it has checked, as keys serve a minute."""

    def __init__(self, raw_keys: Sequence[bytes]) -> None:
        self._keys = [Ed25519PublicKey.from_public_bytes(raw) for raw in raw_keys]
        self._checked: dict[tuple[bytes, bytes], bytes] = {}

    def check(self, told: dict[str, Any], epoch: int) -> bytes:
        """The public key of `sealing_key` in a claim's answer.

        Raises:
            UntrustedKeyError: No pinned key has signed it for the verifier and this epoch.
        """
        try:
            chain_id = unb64u(told["chain_id"], max_bytes=MAX_KEY)
            public_key = unb64u(told["public_key"], max_bytes=MAX_KEY)
            signature = unb64u(told["signature"], max_bytes=MAX_KEY)
        except (KeyError, TypeError, ValueError) as error:
            raise UntrustedKeyError("The sealing key cannot be read.") from error
        if told.get("service") != "verifier" or told.get("epoch") != epoch:
            raise UntrustedKeyError("The sealing key is another service's or epoch's.")
        signed = statement("verifier", epoch, chain_id, public_key)
        if (signed, signature) not in self._checked:
            self._verify(signature, signed)
            if len(self._checked) >= REMEMBERED:
                self._checked.clear()
            self._checked[signed, signature] = public_key
        return public_key

    def _verify(self, signature: bytes, signed: bytes) -> None:
        for key in self._keys:
            try:
                key.verify(signature, signed)
            except InvalidSignature:
                continue
            return
        raise UntrustedKeyError("No pinned key has signed the sealing key.")
