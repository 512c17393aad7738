"""How long a challenge is kept: no longer than its phone may still ask about it."""

from kit.hour import Hour

from challenge.domain.challenge import Challenge

# Minutes after its end in which a phone is told `challenge_expired` or the refusal instead of `challenge_unknown`.
_MINUTES_AFTER_EXPIRY = 5
_MINUTES_AFTER_VERDICT = 2


def keep_until(challenge: Challenge, hour: Hour) -> float:
    """Return the Unix time at which the document is deleted; never later than the death of its key."""
    if challenge.answer is None:
        wanted = challenge.expires_at + hour.minutes(_MINUTES_AFTER_EXPIRY)
    else:
        wanted = challenge.verdict_due_at + hour.minutes(_MINUTES_AFTER_VERDICT)
    return min(wanted, hour.key_deadline(challenge.epoch))
