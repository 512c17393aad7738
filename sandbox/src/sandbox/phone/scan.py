"""Reads a QR code from the picture on a page, as a phone's camera would, so that nobody has to hand over its link.

The picture is drawn, not photographed: there is nothing to find or to correct, so the error correction is not used.
"""

import re
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from segno import consts

Matrix = list[list[bool]]

_DRAWN = re.compile(r"([Mmh])\s*(-?[\d.]+)(?:[\s,]+(-?[\d.]+))?")
_PATH = re.compile(r'<path\b[^>]*\bstroke="[^>]*>')
_BYTE_MODE, _ECI_MODE = 4, 7
# ISO/IEC 18004 §7.9: the format information is hidden under this mask.
_FORMAT_MASK = 0x5412
_FIRST_LONG_COUNT = 10
_VERSION_INFORMATION = 7
_MASKS: tuple[Callable[[int, int], bool], ...] = (
    lambda i, j: (i + j) % 2 == 0,
    lambda i, _: i % 2 == 0,
    lambda _, j: j % 3 == 0,
    lambda i, j: (i + j) % 3 == 0,
    lambda i, j: (i // 2 + j // 3) % 2 == 0,
    lambda i, j: (i * j) % 2 + (i * j) % 3 == 0,
    lambda i, j: ((i * j) % 2 + (i * j) % 3) % 2 == 0,
    lambda i, j: ((i + j) % 2 + (i * j) % 3) % 2 == 0,
)
# The two bits of the error correction level, as the tables number the levels.
_LEVELS = {1: consts.ERROR_LEVEL_L, 0: consts.ERROR_LEVEL_M, 3: consts.ERROR_LEVEL_Q, 2: consts.ERROR_LEVEL_H}


class ScanError(ValueError):
    """There is no QR code here that this scanner reads."""


def scan(page: str) -> str:
    """The text of the QR code that is drawn on a page as an SVG path of horizontal strokes.

    Raises:
        ScanError: There is none, or it is of a kind that nobody here makes.
    """
    try:
        return _text(_codewords(_modules(page)))
    except (IndexError, KeyError, UnicodeDecodeError) as error:
        raise ScanError("The QR code cannot be read.") from error


def _modules(page: str) -> Matrix:
    path = _PATH.search(page)
    strokes = re.search(r'\bd="([^"]+)"', path.group()) if path else None
    if strokes is None:
        raise ScanError("There is no QR code on the page.")
    dark: set[tuple[int, int]] = set()
    x = y = 0.0
    for command, first, second in _DRAWN.findall(strokes.group(1)):
        if command == "h":
            dark.update((int(y), int(x) + step) for step in range(int(float(first))))
            x += float(first)
        elif command == "M":
            x, y = float(first), float(second)
        else:
            x, y = x + float(first), y + float(second)
    top, left = min(row for row, _ in dark), min(column for _, column in dark)
    # The finder patterns stand in three corners, so dark modules reach every edge of the symbol.
    size = max(row for row, _ in dark) - top + 1
    return [[(top + row, left + column) in dark for column in range(size)] for row in range(size)]


def _codewords(matrix: Matrix) -> tuple[int, bytes]:
    """Version and data codewords, blocks put together again (ISO/IEC 18004 §7.6)."""
    size = len(matrix)
    version, rest = divmod(size - 17, 4)
    if rest or version < 1:
        raise ScanError("This is no QR code.")
    form = int("".join(str(int(matrix[row][column])) for row, column in _format_places()), 2) ^ _FORMAT_MASK
    mask = _MASKS[form >> 10 & 7]
    bits = [matrix[i][j] ^ mask(i, j) for i, j in _data_places(version, size)]
    stream = [int("".join(str(int(bit)) for bit in bits[at : at + 8]), 2) for at in range(0, len(bits) - 7, 8)]
    lengths = [block.num_data for block in _blocks(version, form >> 13) for _ in range(block.num_blocks)]
    blocks: list[bytearray] = [bytearray() for _ in lengths]
    source = iter(stream)
    for index in range(max(lengths)):
        for block, length in zip(blocks, lengths, strict=True):
            if index < length:
                block.append(next(source))
    return version, b"".join(blocks)


def _blocks(version: int, level: int) -> Sequence[Any]:
    table: Any = consts.ECC
    blocks: Sequence[Any] = table[version][_LEVELS[level]]
    return blocks


def _format_places() -> Iterator[tuple[int, int]]:
    """The fifteen bits beside the upper left finder pattern, most significant first."""
    yield from ((8, column) for column in (0, 1, 2, 3, 4, 5, 7, 8))
    yield from ((row, 8) for row in (7, 5, 4, 3, 2, 1, 0))


def _data_places(version: int, size: int) -> Iterator[tuple[int, int]]:
    """Every module that carries data, in the order of the two-column zigzag."""
    reserved = _reserved(version, size)
    upwards = True
    for right in range(size - 1, 0, -2):
        column = right - 1 if right <= 6 else right  # the vertical timing pattern takes column 6 for itself
        for row in range(size - 1, -1, -1) if upwards else range(size):
            yield from ((row, at) for at in (column, column - 1) if (row, at) not in reserved)
        upwards = not upwards


def _reserved(version: int, size: int) -> set[tuple[int, int]]:
    def area(top: int, left: int, height: int, width: int) -> set[tuple[int, int]]:
        return {(row, column) for row in range(top, top + height) for column in range(left, left + width)}

    places = area(0, 0, 9, 9) | area(0, size - 8, 9, 8) | area(size - 8, 0, 8, 9)
    places |= area(6, 0, 1, size) | area(0, 6, size, 1)
    if version >= _VERSION_INFORMATION:
        places |= area(0, size - 11, 6, 3) | area(size - 11, 0, 3, 6)
    centres = consts.ALIGNMENT_POS[version - 2] if version > 1 else ()
    for row in centres:
        for column in centres:
            finder = {(6, 6), (6, size - 7), (size - 7, 6)}
            if (row, column) not in finder:
                places |= area(row - 2, column - 2, 5, 5)
    return places


def _text(read: tuple[int, bytes]) -> str:
    version, data = read
    bits = "".join(f"{octet:08b}" for octet in data)
    at, text = 0, b""
    while at + 4 <= len(bits) and (mode := int(bits[at : at + 4], 2)):
        at += 4
        if mode == _ECI_MODE:
            at += 8
            continue
        if mode != _BYTE_MODE:
            raise ScanError("The QR code is not of the byte mode.")
        width = 8 if version < _FIRST_LONG_COUNT else 16
        count, at = int(bits[at : at + width], 2), at + width
        text += bytes(int(bits[at + 8 * index : at + 8 * index + 8], 2) for index in range(count))
        at += 8 * count
    return text.decode()
