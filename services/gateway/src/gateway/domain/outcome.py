"""How a refusal is told to relying party and browser: one of four classes, never the exact reason."""

from shirushi.verifier.v1 import events_pb2 as verifier

CANCELLED = "cancelled"
CARD_NOT_ACCEPTED = "card_not_accepted"
COULD_NOT_BE_CHECKED = "could_not_be_checked"
EXPIRED = "expired"

_CLASSES = {
    verifier.REASON_CANCELLED_BY_HOLDER: CANCELLED,
    verifier.REASON_CANCELLED_BY_BROWSER: CANCELLED,
    verifier.REASON_ATTRIBUTE_DECLINED: CANCELLED,
    verifier.REASON_REVOCATION_UNAVAILABLE: COULD_NOT_BE_CHECKED,
    verifier.REASON_CHALLENGE_EXPIRED: EXPIRED,
}


def class_of(reason: int) -> str:
    """Returns the class of a reason; an unknown one is the card's fault rather than nobody's."""
    return _CLASSES.get(reason, CARD_NOT_ACCEPTED)  # type: ignore[call-overload,no-any-return]
