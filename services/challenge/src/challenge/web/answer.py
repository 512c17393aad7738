"""POST /v1/challenges/{challenge_id}/answer: the phone hands over sealed evidence that challenge cannot read."""

from kit.encoding import unb64u
from starlette.requests import Request
from starlette.responses import Response

from challenge.domain.dispatch import Dispatch
from challenge.domain.refusals import Refusal, Refused
from challenge.web.body import MAX_ANSWER_BYTES, Body, Model, json_response, read_json
from challenge.web.fields import Proof, SealedEvidence

_ACCEPTED = 202


class AnswerRequest(Model, frozen=True):
    """The sealed evidence and a signature by the claim key over it."""

    sealed_evidence: SealedEvidence
    proof: Proof


class Answered(Body, frozen=True):
    """The promise that the evidence reaches the verifier."""

    state: str


async def answer(dispatch: Dispatch, request: Request) -> Response:
    """Take an answer."""
    asked = await read_json(request, AnswerRequest)
    try:
        sealed_evidence = unb64u(asked.sealed_evidence, max_bytes=MAX_ANSWER_BYTES)
    except ValueError:
        raise Refused(Refusal.MALFORMED_REQUEST, "sealed_evidence is not base64url without padding") from None
    await dispatch.answer(request.path_params["challenge_id"], sealed_evidence, asked.proof)
    # The same words every time, whatever has become of the challenge: a repeated answer gets the same answer.
    return json_response(Answered("answered"), _ACCEPTED)
