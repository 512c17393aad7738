"""Finds planted values wherever they come out, in every encoding that software is wont to give them.

A guard is told what must never appear (a name, an address, a serial, a certificate); `search` looks through bytes that
left the process or came to rest, and the log processor raises where a line holds one.
"""

import base64
import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, quote_plus

import structlog

# Shorter patterns turn up by chance in sealed bytes: with 6 bytes that is once in 280 TB.
MIN_PATTERN_BYTES = 6
_DER_INTEGER = 0x02
_SHORT_LENGTH = 0x80
_NOT_ASCII = 0x80


@dataclass(frozen=True, slots=True)
class Hit:
    """A planted value that was found: its name, the encoding, and where its first byte lies."""

    name: str
    encoding: str
    offset: int


class LeakFound(AssertionError):
    """A planted value came out; names the value and its encoding, never the value."""


class LeakGuard:
    """Knows planted values in all their spellings.

    Args:
        values: by a name for reports; text, bytes, or an integer such as a serial number.
        min_bytes: shortest pattern that is looked for; texts shorter than that are kept in their longer encodings only.
    """

    def __init__(self, values: Mapping[str, str | bytes | int], *, min_bytes: int = MIN_PATTERN_BYTES) -> None:
        self._min_bytes = min_bytes
        self._patterns: dict[bytes, tuple[str, str]] = {}
        for name, value in values.items():
            self.plant(name, value)

    def plant(self, name: str, value: str | bytes | int) -> None:
        """Adds a value."""
        for encoding, pattern in encodings(value):
            # Serials have three bytes often; tag and length before them are fixed, so five bytes say enough.
            if len(pattern) >= self._min_bytes - (encoding == "der integer"):
                self._patterns.setdefault(pattern, (name, encoding))

    @property
    def patterns(self) -> int:
        """How many byte patterns are looked for."""
        return len(self._patterns)

    def search(self, data: bytes) -> list[Hit]:
        """Returns what was found, one hit a pattern, in the order of the data."""
        hits = [
            Hit(name, encoding, offset)
            for pattern, (name, encoding) in self._patterns.items()
            if (offset := data.find(pattern)) >= 0
        ]
        return sorted(hits, key=lambda hit: hit.offset)

    def check(self, data: bytes | str, where: str) -> None:
        """Raises LeakFound, naming the place, if anything was found."""
        hits = self.search(data.encode("utf-8", "surrogatepass") if isinstance(data, str) else data)
        if hits:
            what = ", ".join(f"{hit.name} ({hit.encoding})" for hit in hits)
            raise LeakFound(f"{where} holds {what}")

    def log_processor(
        self, _logger: Any, _method: str, event: structlog.typing.EventDict
    ) -> structlog.typing.EventDict:
        """A structlog processor that lets a line through if it holds nothing planted; put it before the renderer."""
        self.check(json.dumps(event, ensure_ascii=False, default=_spelled), f"log line {event.get('event')!r}")
        return event


def encodings(value: str | bytes | int) -> Iterator[tuple[str, bytes]]:
    """Yields every usual spelling of a value with its name."""
    if isinstance(value, int):
        yield from _of_integer(value)
        return
    raws = _raws(value)
    for kind, raw in raws:
        yield from _of_bytes(kind, raw)
    if isinstance(value, str):
        yield from _of_text(value)


def _raws(value: str | bytes) -> list[tuple[str, bytes]]:
    if isinstance(value, bytes):
        return [("raw", value)]
    # UTF-16 without a byte order mark is also what a DER BMPString holds; UTF-32 is a UniversalString.
    return [
        ("utf-8", value.encode()),
        ("utf-16-be", value.encode("utf-16-be")),
        ("utf-16-le", value.encode("utf-16-le")),
        ("utf-32-be", value.encode("utf-32-be")),
        *_japanese(value),
    ]


def _japanese(value: str) -> list[tuple[str, bytes]]:
    found = []
    for encoding in ("shift_jis", "euc_jp", "iso2022_jp"):
        try:
            encoded = value.encode(encoding)
        except UnicodeEncodeError:
            continue
        if encoded != value.encode():
            found.append((encoding, encoded))
    return found


def _of_bytes(kind: str, raw: bytes) -> Iterator[tuple[str, bytes]]:
    yield kind, raw
    yield from _hexadecimal(kind, raw)
    yield from _base64(kind, raw)
    percent = "".join(f"%{byte:02X}" for byte in raw).encode()
    yield f"{kind} percent", percent
    yield f"{kind} percent lower", percent.lower()
    for algorithm in ("sha256", "sha1"):
        digest = hashlib.new(algorithm, raw, usedforsecurity=False).digest()
        yield f"{kind} {algorithm}", digest
        yield from _hexadecimal(f"{kind} {algorithm}", digest)
        yield from _base64(f"{kind} {algorithm}", digest)


def _hexadecimal(kind: str, raw: bytes) -> Iterator[tuple[str, bytes]]:
    yield f"{kind} hex", raw.hex().encode()
    yield f"{kind} hex upper", raw.hex().upper().encode()
    if len(raw) > 1:
        yield f"{kind} hex colons", raw.hex(":").encode()
        yield f"{kind} hex colons upper", raw.hex(":").upper().encode()


def _base64(kind: str, raw: bytes) -> Iterator[tuple[str, bytes]]:
    # Inside a longer text the value starts at one of three places of a base64 group. The characters that its neighbours
    # have a part in are cut off.
    for shift in range(3):
        padded = base64.b64encode(bytes(shift) + raw)
        first = -(-shift * 8 // 6)
        last = (shift + len(raw)) * 8 // 6
        core = padded[first:last]
        yield f"{kind} base64 at {shift}", core
        yield f"{kind} base64url at {shift}", core.translate(bytes.maketrans(b"+/", b"-_"))


def _of_text(value: str) -> Iterator[tuple[str, bytes]]:
    yield "url quoted", quote(value, safe="").encode()
    yield "url quoted lower", quote(value, safe="").lower().encode()
    yield "form quoted", quote_plus(value).encode()
    yield "json escaped", json.dumps(value)[1:-1].encode()
    yield "json escaped upper", _json_upper(value).encode()
    yield (
        "html escaped",
        "".join(f"&#{ord(letter)};" if ord(letter) >= _NOT_ASCII else letter for letter in value).encode(),
    )
    yield "python repr", repr(value.encode())[2:-1].encode()


def _json_upper(value: str) -> str:
    return "".join(
        letter if ord(letter) < _NOT_ASCII else "".join(f"\\u{unit:04X}" for unit in _utf16_units(letter))
        for letter in value
    )


def _utf16_units(letter: str) -> Iterable[int]:
    encoded = letter.encode("utf-16-be")
    return [int.from_bytes(encoded[at : at + 2], "big") for at in range(0, len(encoded), 2)]


def _of_integer(value: int) -> Iterator[tuple[str, bytes]]:
    yield "decimal", str(value).encode()
    raw = value.to_bytes(max(1, (value.bit_length() + 7) // 8), "big")
    signed = value.to_bytes(value.bit_length() // 8 + 1, "big")
    yield "hex", f"{value:x}".encode()
    yield "hex upper", f"{value:X}".encode()
    yield "hex even", raw.hex().encode()
    yield from _of_bytes("big-endian", raw)
    if len(signed) < _SHORT_LENGTH:
        yield "der integer", bytes((_DER_INTEGER, len(signed))) + signed
        yield from _base64("der integer", bytes((_DER_INTEGER, len(signed))) + signed)
    for size in (4, 8):
        if len(raw) <= size:
            yield f"little-endian {size}", value.to_bytes(size, "little")
            yield f"big-endian {size}", value.to_bytes(size, "big")
    for algorithm in ("sha256", "sha1"):
        for kind, spelled in (("decimal", str(value)), ("hex", f"{value:x}"), ("hex upper", f"{value:X}")):
            digest = hashlib.new(algorithm, spelled.encode(), usedforsecurity=False).digest()
            yield f"{algorithm} of {kind}", digest
            yield from _hexadecimal(f"{algorithm} of {kind}", digest)
            yield from _base64(f"{algorithm} of {kind}", digest)


def _spelled(value: Any) -> str:
    return value.hex() if isinstance(value, bytes | bytearray) else str(value)
