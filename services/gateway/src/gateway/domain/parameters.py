"""The parameters of an authorization request, read so that one bad parameter does not hide whom the answer goes to.

kit.forms refuses a form at its first fault; here client and redirect URI must be known before anything is refused
(RFC 6749 §4.1.2.1), so faults are noted and judged afterwards, in the table of checks.
"""

import re
from urllib.parse import unquote_to_bytes

from gateway.domain.errors import UnsafeRequest

MAX_PARAMETERS = 64
MAX_NAME = 64
MAX_VALUE = 2048
_PLAIN_NAME = re.compile(r"[A-Za-z0-9_.-]{1,64}", re.ASCII)


class Parameters(dict[str, str]):
    """Values by name; `faults` says by name why a parameter has no value here, empty name for one without a usable name."""

    def __init__(self) -> None:
        super().__init__()
        self.faults: dict[str, str] = {}


def read_parameters(raw: bytes) -> Parameters:
    """Reads a query or form (WHATWG URL §5.1); parameters without a value are as good as omitted (RFC 6749 §3.1).

    Raises:
        UnsafeRequest: more parameters than anybody needs.
    """
    parameters = Parameters()
    pieces = raw.split(b"&", MAX_PARAMETERS)
    if len(pieces) > MAX_PARAMETERS:
        raise UnsafeRequest("request_unreadable")
    seen: set[str] = set()
    for piece in pieces:
        raw_name, _, raw_value = piece.partition(b"=")
        if raw_name:
            _read_one(parameters, seen, raw_name, raw_value)
    for name in parameters.faults:
        parameters.pop(name, None)
    return parameters


def _read_one(parameters: Parameters, seen: set[str], raw_name: bytes, raw_value: bytes) -> None:
    name = _text(raw_name, MAX_NAME)
    if name is None:
        parameters.faults[""] = "a parameter's name is too long or not UTF-8"
        return
    shown = name if _PLAIN_NAME.fullmatch(name) else "a parameter"
    if name in seen:
        parameters.faults[name] = f"{shown} is given more than once"
        return
    seen.add(name)
    value = _text(raw_value, MAX_VALUE)
    if value is None:
        parameters.faults[name] = f"{shown} is too long or not UTF-8"
    elif value:
        parameters[name] = value


def _text(raw: bytes, most: int) -> str | None:
    # Percent-encoding triples a byte at most, so nothing longer needs to be decoded to be refused.
    if len(raw) > 3 * most:
        return None
    try:
        text = unquote_to_bytes(raw.replace(b"+", b" ")).decode()
    except UnicodeDecodeError:
        return None
    return text if len(text) <= most else None
