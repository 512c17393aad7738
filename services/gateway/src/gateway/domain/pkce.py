"""Proof Key for Code Exchange, S256 only (RFC 7636)."""

import hashlib
import hmac
import re

from kit.encoding import b64u

from gateway.domain.errors import OAuthError

# A SHA-256 in base64url is 43 characters; RFC 7636 §4.2 allows the alphabet.
_CHALLENGE = re.compile(r"[A-Za-z0-9_-]{43}")
_VERIFIER = re.compile(r"[A-Za-z0-9._~-]{43,128}")


def check_code_challenge(challenge: str | None, method: str | None) -> str:
    """Returns the challenge of an authorization request; required of confidential clients too."""
    if challenge is None:
        raise OAuthError("invalid_request", "code_challenge is required")
    if method != "S256":
        raise OAuthError("invalid_request", "code_challenge_method must be S256")
    if not _CHALLENGE.fullmatch(challenge):
        raise OAuthError("invalid_request", "code_challenge must be 43 base64url characters")
    return challenge


def check_code_verifier(verifier: str | None, challenge: str) -> None:
    """Checks a token request's verifier against the challenge (RFC 7636 §4.6); raises invalid_grant."""
    if verifier is None:
        raise OAuthError("invalid_request", "code_verifier is required")
    if not _VERIFIER.fullmatch(verifier):
        raise OAuthError("invalid_grant", "code_verifier does not match")
    computed = b64u(hashlib.sha256(verifier.encode("ascii")).digest())
    if not hmac.compare_digest(computed, challenge):
        raise OAuthError("invalid_grant", "code_verifier does not match")
