"""Signs ID tokens and publishes the keys that check them (RFC 7515, RFC 7517)."""

import json
from pathlib import Path
from typing import Any

from joserfc import jwt
from joserfc.jwk import ECKey, KeySet


class IdTokenKeys:
    """The first key of the set signs; all are published, so that a key can be introduced before and kept after."""

    def __init__(self, keys: list[ECKey]) -> None:
        if not keys:
            raise ValueError("no ID token key")
        self._signing = keys[0]
        self._header = {"alg": "ES256", "typ": "JWT", "kid": keys[0].kid}
        self.public: dict[str, Any] = dict(KeySet(list(keys)).as_dict(private=False))

    def sign(self, claims: dict[str, Any]) -> str:
        """Returns the compact JWS of an ID token."""
        return jwt.encode(self._header, claims, self._signing, algorithms=["ES256"])


def read_id_token_keys(path: Path) -> IdTokenKeys:
    """Reads a private JWKS of P-256 keys, each with its `kid`.

    Raises:
        ValueError: naming the path.
    """
    try:
        entries = json.loads(path.read_text())["keys"]
        keys = [ECKey.import_key({**entry, "use": "sig", "alg": "ES256"}) for entry in entries]
    except Exception as error:
        raise ValueError(f"{path}: not a JWKS of private P-256 keys") from error
    if any(not key.is_private or not key.kid or key.curve_name != "P-256" for key in keys):
        raise ValueError(f"{path}: every key must be private, P-256, and have a kid")
    return IdTokenKeys(keys)
