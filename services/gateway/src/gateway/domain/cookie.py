"""The cookie that ties a login to the browser that asked for it: derived, so that a page is checked without a store."""

import hmac

from kit.encoding import b64u, length_prefixed, unb64u

PREFIX = "__Host-login-"
# More logins than this in one browser at once are a page in a loop rather than a person.
MAX_COOKIES = 5
_NAME_BYTES = 9
_SECRET_BYTES = 16


def cookie_name(token_key: bytes, login_id: bytes) -> str:
    """Returns the name of a login's cookie; `__Host-` ties it to this host, to HTTPS and to the root path."""
    return PREFIX + b64u(_derived(token_key, b"shirushi cookie name v1", login_id)[:_NAME_BYTES])


def cookie_value(token_key: bytes, login_id: bytes) -> str:
    """Returns the secret that only the browser that asked for the login holds; it dies with the epoch's key."""
    return b64u(_derived(token_key, b"shirushi cookie v1", login_id)[:_SECRET_BYTES])


def is_cookie_of(token_key: bytes, login_id: bytes, value: str) -> bool:
    """Compares a presented value. The answer is no login: it says which browser asks, and nothing else."""
    try:
        presented = unb64u(value, max_bytes=_SECRET_BYTES)
    except ValueError:
        return False
    return hmac.compare_digest(presented, _derived(token_key, b"shirushi cookie v1", login_id)[:_SECRET_BYTES])


def superfluous(held: list[str]) -> list[str]:
    """Returns which of the held login cookies, oldest first, must go to make room for one more."""
    return held[: max(0, len(held) - MAX_COOKIES + 1)]


def _derived(token_key: bytes, label: bytes, login_id: bytes) -> bytes:
    return hmac.digest(token_key, length_prefixed(label, login_id), "sha256")
