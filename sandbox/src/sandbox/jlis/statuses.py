"""What became of each certificate that the test authority issued."""

import json
from pathlib import Path

from sandbox.ca.profile import Kind


class Statuses:
    """Answers by authority and serial; the test cards one by one, synthetic people by their range of serials."""

    def __init__(self, issued: Path) -> None:
        self._path = issued
        self._read_at = -1.0
        self._told: dict[str, str] = {}
        self._statuses: dict[str, str] = {}
        self._people = range(0)

    def of(self, kind: Kind, serial: int) -> str:
        """One of `good`, `revoked`, `suspended`, `try_later`, `unknown`."""
        key = f"{kind}:{serial:x}"
        if key in self._told:
            return self._told[key]
        if kind is Kind.AUTH and serial in self._people:
            return "good"
        return self._statuses.get(key, "unknown")

    def tell(self, kind: Kind, serial: int, status: str) -> None:
        """Changes what is said of one certificate until this process ends."""
        self._told[f"{kind}:{serial:x}"] = status

    def refresh(self) -> None:
        """Reads the list again if it was written since."""
        written_at = self._path.stat().st_mtime
        if written_at != self._read_at:
            content = json.loads(self._path.read_text())
            self._statuses = content["statuses"]
            self._people = range(content["people"][0], content["people"][1] + 1)
            self._read_at = written_at
