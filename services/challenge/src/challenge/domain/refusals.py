"""The closed list of what challenge refuses, each with the text that a caller may read."""

from enum import StrEnum

from kit.errors import Code, ShirushiError


class Refusal(StrEnum):
    """Why a caller may not go on; the values are the `code` of the app API's problems."""

    MALFORMED_REQUEST = "malformed_request"
    PROOF_INVALID = "proof_invalid"
    TOKEN_UNKNOWN = "token_unknown"  # noqa: S105 - a reason's name
    TOKEN_EXPIRED = "token_expired"  # noqa: S105 - a reason's name
    CHALLENGE_UNKNOWN = "challenge_unknown"
    CHALLENGE_EXPIRED = "challenge_expired"
    NOT_CLAIMED = "not_claimed"
    ALREADY_CLAIMED = "already_claimed"
    ALREADY_ANSWERED = "already_answered"
    ALREADY_CANCELLED = "already_cancelled"
    NOT_ANSWERED = "not_answered"
    ISSUED_OTHERWISE = "issued_otherwise"


_TEXTS: dict[Refusal, tuple[Code, str]] = {
    Refusal.MALFORMED_REQUEST: (Code.INVALID_ARGUMENT, "the request does not follow the API's description"),
    Refusal.PROOF_INVALID: (Code.UNAUTHENTICATED, "proof is not a signature by the claim key over this request"),
    Refusal.TOKEN_UNKNOWN: (Code.NOT_FOUND, "token belongs to no challenge"),
    Refusal.TOKEN_EXPIRED: (Code.FAILED_PRECONDITION, "token is no longer good; read the QR code again"),
    Refusal.CHALLENGE_UNKNOWN: (Code.NOT_FOUND, "there is no such challenge"),
    Refusal.CHALLENGE_EXPIRED: (Code.FAILED_PRECONDITION, "the challenge has expired"),
    Refusal.NOT_CLAIMED: (Code.FAILED_PRECONDITION, "the challenge has not been claimed"),
    Refusal.ALREADY_CLAIMED: (Code.CONFLICT, "another claim came first"),
    Refusal.ALREADY_ANSWERED: (Code.CONFLICT, "the challenge was answered with other evidence"),
    Refusal.ALREADY_CANCELLED: (Code.CONFLICT, "the challenge was cancelled"),
    Refusal.NOT_ANSWERED: (Code.FAILED_PRECONDITION, "the challenge has not been answered"),
    Refusal.ISSUED_OTHERWISE: (Code.ALREADY_EXISTS, "the login has a challenge of another epoch"),
}


class Refused(ShirushiError):
    """A refusal on its way to the edge that renders it; holds nothing that a caller sent."""

    def __init__(self, refusal: Refusal, text: str = "") -> None:
        code, default = _TEXTS[refusal]
        super().__init__(code, text or default, reason=refusal.value)
        self.refusal = refusal
