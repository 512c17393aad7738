"""What is derived for a new challenge: its handle from the login id, its tokens' secrets from the epoch's key.

Both are derivations, so issuing the same login again answers the same without a look into the store, on any replica.
"""

import hashlib
import hmac

from kit.encoding import length_prefixed

from challenge.domain.token import HANDLE_BYTES, TokenSecrets


def handle_of_login(login_id: bytes, handle_key: bytes) -> bytes:
    """Returns the 16-byte handle: a keyed digest, so that a handle does not give the login id away."""
    return hmac.digest(handle_key, b"handle" + login_id, hashlib.sha256)[:HANDLE_BYTES]


def token_secrets(handle: bytes, token_key: bytes) -> TokenSecrets:
    """Returns the secrets of one challenge's tokens; they die with the epoch that `token_key` belongs to."""
    link = hmac.digest(token_key, length_prefixed(b"shirushi link secret v1", handle), hashlib.sha256)
    qr = hmac.digest(token_key, length_prefixed(b"shirushi qr secret v1", handle), hashlib.sha256)
    return TokenSecrets(link[:16], qr)
