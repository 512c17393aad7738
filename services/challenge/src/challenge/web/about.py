"""GET /v1/openapi.yaml and GET /v1/info: what this API is, for those who write apps."""

from importlib.resources import files

from starlette.responses import Response

from challenge.domain.dispatch import Dispatch
from challenge.web.body import MAX_ANSWER_BYTES, Body, json_response


class Info(Body, frozen=True):
    """What an app may want to know before anything else; `now` lets it see that its clock is wrong."""

    api_version: str
    now: int
    qr_step_seconds: float
    max_answer_bytes: int


def info(dispatch: Dispatch) -> Response:
    """Describe the deployment."""
    return json_response(Info("1", int(dispatch.clock.now()), dispatch.qr_clock.step_seconds, MAX_ANSWER_BYTES))


def read_description() -> bytes:
    """Return the OpenAPI description that the package carries."""
    return files("challenge").joinpath("openapi.yaml").read_bytes()


def description(content: bytes) -> Response:
    """Return the OpenAPI description (media type of RFC 9512)."""
    return Response(content, media_type="application/yaml")
