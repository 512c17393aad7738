"""Decides the pairwise subject identifier: OpenID Connect Core §8.1 by a keyed pseudorandom function.

A version of the key belongs to a sector for ever, so `sub` changes only if the holder's root subject does. What goes
in is a keyed sector label and a keyed handle: neither names a relying party or a person to who reads them here.
"""

import hashlib
import hmac
from collections.abc import Mapping

from kit.encoding import b64u, length_prefixed
from kit.errors import Code, ShirushiError

KEY_BYTES = 32
HANDLE_BYTES = 32
MAX_VERSION = 2**32 - 1

_LABEL = b"shirushi sub v1"


class PairwiseKeys:
    """The keys of the pseudorandom function by version; a version is never given to another key."""

    def __init__(self, keys: Mapping[int, bytes]) -> None:
        """Takes 32-byte keys by version (1 to 2**32-1).

        Raises:
            ValueError: no key, a version out of range, a key of another length, or one key under two versions.
        """
        if not keys:
            raise ValueError("there is no pairwise key")
        for version, key in keys.items():
            if not 1 <= version <= MAX_VERSION:
                raise ValueError("a version of a pairwise key is not between 1 and 4294967295")
            if len(key) != KEY_BYTES:
                raise ValueError(f"pairwise key {version} is not {KEY_BYTES} bytes")
        if len(set(keys.values())) != len(keys):
            raise ValueError("two versions hold the same pairwise key")
        self._keys = dict(keys)

    def __repr__(self) -> str:
        """Names the versions, never a key."""
        return f"PairwiseKeys(versions={self.versions})"

    @property
    def versions(self) -> tuple[int, ...]:
        """The versions held, ascending."""
        return tuple(sorted(self._keys))

    def check_version(self, version: int) -> None:
        """Refuses a version that is not held.

        Raises:
            ShirushiError: FAILED_PRECONDITION, `key_version_unknown`.
        """
        if version not in self._keys:
            raise ShirushiError(
                Code.FAILED_PRECONDITION, "key_version names no key of this service", reason="key_version_unknown"
            )

    def sub(self, version: int, sector_label: bytes, handle: bytes) -> str:
        """Derives the `sub` of a root subject in a sector: 43 characters of base64url.

        HMAC-SHA256 under the version's key over the length-prefixed label of the format, sector label and handle.
        `sector_label` and `handle` are 32 bytes each; whether the caller may have it is decided before.

        Raises:
            ShirushiError: as `check_version`.
        """
        self.check_version(version)
        return b64u(
            hmac.digest(self._keys[version], length_prefixed(_LABEL, sector_label, handle), hashlib.sha256),
        )
