"""POST /v1/challenges/resolve: what a token is good for, without claiming anything."""

from starlette.requests import Request
from starlette.responses import Response

from challenge.domain.dispatch import Dispatch
from challenge.web.body import Body, Model, json_response, read_json
from challenge.web.fields import Token


class ResolveRequest(Model, frozen=True):
    """The token from the app link or QR code."""

    token: Token


class Resolved(Body, frozen=True):
    """Which challenge it is and how it stands."""

    challenge_id: str
    transport: str
    state: str
    expires_at: int


async def resolve(dispatch: Dispatch, request: Request) -> Response:
    """Resolve a token."""
    asked = await read_json(request, ResolveRequest)
    challenge, token = await dispatch.resolve(asked.token)
    return json_response(
        Resolved(challenge.challenge_id, token.transport.value, challenge.state.value, challenge.expires_at)
    )
