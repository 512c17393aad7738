"""POST /v1/challenges/{challenge_id}/status: how it stands, for the phone that claimed it and nobody else."""

from kit.encoding import b64u
from starlette.requests import Request
from starlette.responses import Response

from challenge.domain.dispatch import Dispatch
from challenge.web.body import Body, Model, json_response, read_json
from challenge.web.fields import Proof


class StatusRequest(Model, frozen=True):
    """A signature by the claim key."""

    proof: Proof


class Status(Body, frozen=True):
    """The state and, after a refusal, the notice that only this phone can open."""

    state: str
    notice: str = ""


async def status(dispatch: Dispatch, request: Request) -> Response:
    """Tell the state."""
    asked = await read_json(request, StatusRequest)
    state, notice = await dispatch.status(request.path_params["challenge_id"], asked.proof)
    return json_response(Status(state, b64u(notice)))
