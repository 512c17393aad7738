"""Reads JSON bodies strictly: of the right media type, UTF-8, no unknown and no doubled fields; the edge bounds them."""

import json
import re
from typing import Any, TypeVar

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from challenge.domain.refusals import Refusal, Refused
from challenge.problems import EdgeProblem

MAX_BODY_BYTES = 4 * 1024
MAX_ANSWER_BYTES = 64 * 1024
_MEDIA_TYPE = re.compile(r'application/json[ \t]*(?:;[ \t]*charset="?utf-8"?[ \t]*)?\Z', re.ASCII | re.IGNORECASE)
_FIELD = re.compile(r"(?:missing required field `([a-z_]+)`)|(?: - at `\$\.([a-z_.]+)`)")

T = TypeVar("T", bound=msgspec.Struct)


class Model(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A request body: every field required unless it says otherwise, no others allowed."""


class Body(msgspec.Struct, frozen=True, omit_defaults=True):
    """A response body."""


async def read_json(request: Request, model: type[T]) -> T:
    """Return the body as `model`; raises EdgeProblem(unsupported_media_type) or Refused(malformed_request)."""
    if not _MEDIA_TYPE.match(request.headers.get("content-type", "")):
        raise EdgeProblem("unsupported_media_type", "the body must be application/json in UTF-8")
    body = await request.body()
    try:
        value = msgspec.json.decode(body, type=model)
        # msgspec takes the last of two equal names; two readers that disagree on which one counts can be played off.
        json.loads(body.decode("utf-8"), object_pairs_hook=_refuse_doubled)
    except msgspec.ValidationError as error:
        raise Refused(Refusal.MALFORMED_REQUEST, _which_field(str(error))) from None
    except (ValueError, RecursionError):
        raise Refused(Refusal.MALFORMED_REQUEST, "the body must be one JSON object in UTF-8, no name doubled") from None
    return value


def json_response(body: Body, status: int = 200) -> Response:
    """Return a JSON response."""
    return Response(msgspec.json.encode(body), status, media_type="application/json")


def _refuse_doubled(pairs: list[tuple[str, Any]]) -> None:
    if len({name for name, _ in pairs}) != len(pairs):
        raise ValueError("doubled name")


def _which_field(text: str) -> str:
    """Name the field that is wrong. Only names of this API come out: msgspec's own text repeats unknown ones."""
    found = _FIELD.search(text)
    if found is None:
        return "the body holds an unknown field or is no object"
    return f"{found[1] or found[2]} is missing or not as described"
