"""POST /v1/challenges/{challenge_id}/cancel: the holder gives up, and says why."""

from typing import Literal

from starlette.requests import Request
from starlette.responses import Response

from challenge.domain.challenge import CancelReason
from challenge.domain.dispatch import Dispatch
from challenge.web.body import Body, Model, json_response, read_json
from challenge.web.fields import Proof


class CancelRequest(Model, frozen=True):
    """The reason and a signature by the claim key over it."""

    reason: Literal["declined", "not_mine", "pin_locked", "card_unreadable"]
    proof: Proof


class Cancelled(Body, frozen=True):
    """The end of the challenge."""

    state: str


async def cancel(dispatch: Dispatch, request: Request) -> Response:
    """Cancel a challenge."""
    asked = await read_json(request, CancelRequest)
    challenge = await dispatch.cancel(request.path_params["challenge_id"], CancelReason(asked.reason), asked.proof)
    return json_response(Cancelled(challenge.state.value))
