"""The short code that a person carries from one browser or phone to the browser that waits."""

import hmac
import unicodedata

from kit.encoding import length_prefixed

# No 0/O, 1/I/L, 5/S, 2/Z, 8/B: read aloud or typed from paper it has one reading.
ALPHABET = "34679ACDEFGHJKMNPQRTUVWXY"
LENGTH = 6
MAX_ATTEMPTS = 5


def typed_code(token_key: bytes, login_id: bytes) -> str:
    """Returns the code of a login: derived, so that it needs no place to rest."""
    digest = hmac.digest(token_key, length_prefixed(b"shirushi typed code v1", login_id), "sha256")
    number = int.from_bytes(digest, "big")
    letters = []
    for _ in range(LENGTH):
        number, index = divmod(number, len(ALPHABET))
        letters.append(ALPHABET[index])
    return "".join(letters)


def same_code(expected: str, typed: str) -> bool:
    """Compares a typed code, whatever its case, width, spaces and hyphens."""
    # NFKC first: a Japanese keyboard types full-width letters, digits, hyphens and spaces.
    cleaned = unicodedata.normalize("NFKC", typed).upper().replace(" ", "").replace("-", "")
    return hmac.compare_digest(cleaned.encode(), expected.encode())
