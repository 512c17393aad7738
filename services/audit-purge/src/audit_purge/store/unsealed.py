"""The clear collections: purge receipts, sealing public keys, and which chain is registered. No secret, no login.

Reads and writes are by majority: a receipt number or a registration must not be taken back by a new primary.
"""

import functools
from collections.abc import Callable, Coroutine
from datetime import UTC, datetime
from typing import Any, ParamSpec, TypeVar

from kit.errors import Unavailable
from kit.store.connection import PresentDatabase
from pymongo.errors import PyMongoError
from pymongo.read_concern import ReadConcern
from pymongo.write_concern import WriteConcern

ClearDatabase = PresentDatabase

_P = ParamSpec("_P")
_T = TypeVar("_T")

# The journal flag stays unset: with it off each write would wait for the 100 ms journal timer.
_MAJORITY = WriteConcern(w="majority", wtimeout=5000)


def by_majority(database: ClearDatabase) -> ClearDatabase:
    """The same database with majority reads and writes."""
    return database.with_options(write_concern=_MAJORITY, read_concern=ReadConcern("majority"))


def store_errors(call: Callable[_P, Coroutine[Any, Any, _T]]) -> Callable[_P, Coroutine[Any, Any, _T]]:
    """Turns what the driver raises into UNAVAILABLE; its text may quote documents and goes nowhere."""

    @functools.wraps(call)
    async def translated(*args: _P.args, **kwargs: _P.kwargs) -> _T:
        try:
            return await call(*args, **kwargs)
        except PyMongoError as error:
            raise Unavailable("the database does not answer", reason="store_unavailable") from error

    return translated


def date(moment: float) -> datetime:
    """Unix seconds as MongoDB's dates, which the deadline indexes need."""
    return datetime.fromtimestamp(moment, UTC)
