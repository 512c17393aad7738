"""Says why something was refused."""

import pytest
from verifier.domain.ocsp_responder import Unusable
from verifier.domain.refusal import Refusal


def reason_of(call, *arguments, **named):
    """The reason of the refusal that a call must end in."""
    with pytest.raises(Refusal) as refused:
        call(*arguments, **named)
    return refused.value.reason


def problem_of(call, *arguments, **named):
    """Why an OCSP response is of no use."""
    with pytest.raises(Unusable) as unusable:
        call(*arguments, **named)
    return unusable.value.problem


def end_of(call, *arguments, **named):
    """What a call ends in: its result, or the refusal as an object; anything else is raised."""
    try:
        return call(*arguments, **named)
    except (Refusal, Unusable) as answer:
        return answer
