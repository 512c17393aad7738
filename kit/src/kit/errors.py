"""The one error type that crosses a process boundary: a code, a text for the caller, and a reason for the log."""

from enum import Enum


class Code(Enum):
    """What kind of answer the caller gets; each edge has its own rendering of it."""

    INVALID_ARGUMENT = "invalid_argument"
    UNAUTHENTICATED = "unauthenticated"
    PERMISSION_DENIED = "permission_denied"
    NOT_FOUND = "not_found"
    ALREADY_EXISTS = "already_exists"
    FAILED_PRECONDITION = "failed_precondition"
    RESOURCE_EXHAUSTED = "resource_exhausted"
    UNAVAILABLE = "unavailable"
    INTERNAL = "internal"
    CONFLICT = "conflict"


class ShirushiError(Exception):
    """A caller may not go on, and may be told why.

    Args:
        code: decides the status at every edge.
        public_text: goes to the caller as it is; names the parameter and the rule, never a value that was given.
        reason: snake_case, for logs, metrics and machine-readable answers; the code's name if left out.
    """

    def __init__(self, code: Code, public_text: str, reason: str = "") -> None:
        super().__init__(public_text)
        self.code = code
        self.public_text = public_text
        self.reason = reason or code.value


class Unavailable(ShirushiError):
    """Something that this work depends on cannot be reached now; the same attempt may succeed later."""

    def __init__(self, public_text: str = "temporarily unavailable", reason: str = "unavailable") -> None:
        super().__init__(Code.UNAVAILABLE, public_text, reason)
