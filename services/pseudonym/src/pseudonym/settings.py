"""The settings of pseudonym, read once in `app.main`."""

import json
from pathlib import Path

from kit.settings import ServiceSettings
from pydantic import Field

from pseudonym.domain.pairwise_sub import PairwiseKeys

_MAX_KEYS_FILE_BYTES = 64 * 1024


class Settings(ServiceSettings):
    """What pseudonym is told beside what every service is."""

    rpc_host: str = Field(default="127.0.0.1", description="Address of the gRPC server.")
    rpc_port: int = Field(default=9104, ge=0, le=65535, description="Port of the gRPC server; 0 takes any free one.")
    pairwise_keys: Path = Field(
        description='JSON: the keys of the pairwise function by version, {"1": "<32 bytes in hexadecimal>"}. '
        "Losing one changes every `sub` of its sectors for ever: back it up."
    )


def read_pairwise_keys(path: Path) -> PairwiseKeys:
    """Reads the keys of the pairwise function.

    Raises:
        ValueError: naming the path and the rule, never what was read.
    """
    with path.open("rb") as file:
        raw = file.read(_MAX_KEYS_FILE_BYTES + 1)
    if len(raw) > _MAX_KEYS_FILE_BYTES:
        raise ValueError(f"{path}: larger than {_MAX_KEYS_FILE_BYTES} bytes")
    try:
        table = json.loads(raw, object_pairs_hook=_without_doubles)
        held = {_version(version): bytes.fromhex(key) for version, key in table.items()}
    except (ValueError, TypeError, AttributeError, RecursionError):
        # The parser's own text may quote a key.
        raise ValueError(f"{path}: not a JSON object of hexadecimal keys by version") from None
    try:
        return PairwiseKeys(held)
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from None


def _without_doubles(pairs: list[tuple[str, object]]) -> dict[str, object]:
    table = dict(pairs)
    if len(table) != len(pairs):
        raise ValueError("a version is given twice")
    return table


def _version(text: str) -> int:
    if not text.isascii() or not text.isdecimal() or text != str(int(text)):
        raise ValueError("a version is not a plain number")
    return int(text)
