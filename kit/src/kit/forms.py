"""Parses form bodies and query strings, and refuses what has two readings: doubled, too long or not UTF-8 fields."""

import re
from urllib.parse import unquote_to_bytes

MAX_FIELDS = 64
MAX_VALUE_BYTES = 8192
MAX_NAME_BYTES = 64

_PLAIN_NAME = re.compile(r"[A-Za-z0-9_.-]{1,64}", re.ASCII)


class FormError(Exception):
    """A form cannot be read.

    Attributes:
        kind: `doubled`, `too_long`, `not_utf8`, `too_many`.
        name: the field, where its name is harmless to repeat; otherwise empty.
    """

    def __init__(self, kind: str, name: str = "") -> None:
        super().__init__(f"{kind} {name}".strip())
        self.kind = kind
        self.name = name

    @property
    def public_text(self) -> str:
        """The rule that was broken, with the field's name and never its value."""
        which = f"parameter {self.name}" if self.name else "a parameter"
        match self.kind:
            case "doubled":
                return f"{which} is given more than once"
            case "too_long":
                return f"{which} is too long"
            case "not_utf8":
                return f"{which} is not UTF-8"
        return "too many parameters"


def parse_form(body: bytes, *, max_fields: int = MAX_FIELDS, max_value: int = MAX_VALUE_BYTES) -> dict[str, str]:
    """Parse application/x-www-form-urlencoded (WHATWG URL §5.1); values are at most `max_value` bytes decoded.

    A field that is given twice is refused even with equal values (RFC 6749 §3.1). Fields without a name are ignored,
    empty values are kept. The body's own size is bounded before (`kit.http.BodyLimit`).

    Raises:
        FormError: as its kinds say.
    """
    fields: dict[str, str] = {}
    pieces = body.split(b"&", max_fields)
    if len(pieces) > max_fields:
        raise FormError("too_many")
    for piece in pieces:
        raw_name, _, raw_value = piece.partition(b"=")
        if not raw_name:
            continue
        if len(raw_name) > 3 * MAX_NAME_BYTES:
            raise FormError("too_long")
        try:
            name = _decoded(raw_name)
        except UnicodeDecodeError:
            raise FormError("not_utf8") from None
        shown = name if _PLAIN_NAME.fullmatch(name) else ""
        if name in fields:
            raise FormError("doubled", shown)
        # Percent-encoding triples a byte at most, so nothing longer needs to be decoded to be refused.
        if len(raw_value) > 3 * max_value:
            raise FormError("too_long", shown)
        try:
            value = _decoded(raw_value)
        except UnicodeDecodeError:
            raise FormError("not_utf8", shown) from None
        if len(value) > max_value or (len(value) * 4 > max_value and len(value.encode()) > max_value):
            raise FormError("too_long", shown)
        fields[name] = value
    return fields


def parse_query(
    query: bytes | str, *, max_fields: int = MAX_FIELDS, max_value: int = MAX_VALUE_BYTES
) -> dict[str, str]:
    """Parse a query string, by the same rules as a form; ASGI's `query_string` is bytes.

    Raises:
        FormError: as `parse_form`.
    """
    raw = query.encode("utf-8", "surrogatepass") if isinstance(query, str) else query
    return parse_form(raw, max_fields=max_fields, max_value=max_value)


def _decoded(raw: bytes) -> str:
    if b"+" in raw:
        raw = raw.replace(b"+", b" ")
    if b"%" in raw:
        raw = unquote_to_bytes(raw)
    return raw.decode()
