"""The HTTPS surface for auditors: purge receipts and the commitments of the open epochs. Open to anyone, reads only.

Answers are JSON. `envelope` is the signed `shirushi.bus.v1.Envelope` (base64url) whose payload is the receipt; a
checker verifies that, not the fields beside it, which are there to be read by people.
"""

from collections.abc import Callable
from typing import Any, Protocol

import msgspec
from kit.encoding import b64u
from kit.errors import Code, ShirushiError
from kit.log import get_logger
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from audit_purge.domain.keeper import Keeper
from audit_purge.domain.receipt import Receipt

MAX_PAGE = 100
_MAX_QUERY_BYTES = 256
_MAX_SEQUENCE = 2**63 - 1

log = get_logger()


class PublishedReceipts(Protocol):
    """Receipts with their signed envelopes."""

    async def read(self, sequence: int) -> tuple[Receipt, bytes] | None:
        """Returns one by its number."""
        ...

    async def page(self, after: int, limit: int) -> list[tuple[Receipt, bytes]]:
        """Returns those with numbers above `after`, ascending, at most `limit`."""
        ...


def application(receipts: PublishedReceipts, keeper: Keeper, is_keeper: Callable[[], bool]) -> Starlette:
    """Puts the routes together; `is_keeper` says whether this process holds the registered chain."""

    async def list_receipts(request: Request) -> Response:
        """GET /receipts?after=N&limit=M: the receipts after number N, at most M (1 to 100), oldest first."""
        asked = _query(request, {"after": 0, "limit": MAX_PAGE})
        if not 1 <= asked["limit"] <= MAX_PAGE:
            raise HTTPException(400, f"limit is not between 1 and {MAX_PAGE}")
        page = await receipts.page(asked["after"], asked["limit"])
        return _json({"receipts": [_receipt(*found) for found in page]})

    async def read_receipt(request: Request) -> Response:
        """GET /receipts/{sequence}: one receipt."""
        found = await receipts.read(_number("sequence", request.path_params["sequence"]))
        if found is None:
            raise HTTPException(404, "there is no receipt of this number, or not any more")
        return _json(_receipt(*found))

    async def commitments(_: Request) -> Response:
        """GET /commitments: the chain and the commitments to the secrets of its open epochs."""
        if not is_keeper():
            raise HTTPException(503, "this replica holds no registered chain")
        return _json(
            {
                "chain_id": b64u(keeper.chain_id),
                "first_epoch": keeper.first_epoch,
                "commitments": [
                    {"epoch": public.epoch, "commitment": b64u(public.commitment)} for public in keeper.commitments()
                ],
            }
        )

    return Starlette(
        routes=[
            Route("/receipts", list_receipts, methods=["GET"]),
            Route("/receipts/{sequence}", read_receipt, methods=["GET"]),
            Route("/commitments", commitments, methods=["GET"]),
        ],
        exception_handlers={HTTPException: _refused, ShirushiError: _failed, Exception: _broken},
    )


def _receipt(receipt: Receipt, envelope: bytes) -> dict[str, Any]:
    return {
        "sequence": receipt.sequence,
        "previous": b64u(receipt.previous),
        "epoch": receipt.epoch,
        "destroyed_at_ms": receipt.destroyed_at_ms,
        "chain_id": b64u(receipt.chain_id),
        "commitment": b64u(receipt.commitment),
        "records_deleted": receipt.records_deleted,
        "oldest_topic_record_ms": receipt.oldest_topic_record_ms,
        "envelope": b64u(envelope),
    }


def _query(request: Request, defaults: dict[str, int]) -> dict[str, int]:
    if len(request.scope["query_string"]) > _MAX_QUERY_BYTES:
        raise HTTPException(400, "the query is too long")
    asked = dict(defaults)
    given = request.query_params.multi_items()
    if len({name for name, _ in given}) != len(given):
        raise HTTPException(400, "a query parameter is given twice")
    for name, value in given:
        if name not in defaults:
            raise HTTPException(400, f"known query parameters: {', '.join(defaults)}")
        asked[name] = _number(name, value)
    return asked


def _number(name: str, text: str) -> int:
    if not (text.isascii() and text.isdecimal() and len(text) <= len(str(_MAX_SEQUENCE))):
        raise HTTPException(400, f"{name} is not a number")
    number = int(text)
    if number > _MAX_SEQUENCE:
        raise HTTPException(400, f"{name} is not a number")
    return number


def _json(content: dict[str, Any], status: int = 200, media_type: str = "application/json") -> Response:
    return Response(msgspec.json.encode(content), status, media_type=media_type)


def _problem(status: int, detail: str) -> Response:
    """RFC 9457; the detail names parameter and rule, never what was sent."""
    return _json({"title": detail, "status": status}, status, "application/problem+json")


async def _refused(_: Request, error: Exception) -> Response:
    if not isinstance(error, HTTPException):
        raise error
    # Starlette's own refusals (404, 405) have the status's phrase as detail.
    response = _problem(error.status_code, error.detail)
    response.headers.update(error.headers or {})
    return response


async def _failed(_: Request, error: Exception) -> Response:
    if isinstance(error, ShirushiError) and error.code is Code.UNAVAILABLE:
        return _problem(503, error.public_text)
    return await _broken(_, error)


async def _broken(_: Request, error: Exception) -> Response:
    log.error("request_failed", exc_info=error)
    return _problem(500, "internal error")
