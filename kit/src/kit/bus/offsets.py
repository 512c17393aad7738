"""Which offset of a partition may be committed: the lowest that is not handled yet, whatever finished after it."""

from collections import deque


class PartitionOffsets:
    """Follows the records of one assignment of one partition; records come in order and finish in any order."""

    __slots__ = ("_committed", "_done", "_pending", "position")

    def __init__(self) -> None:
        self._pending: deque[tuple[int, float]] = deque()
        self._done: set[int] = set()
        self._committed: int | None = None
        self.position: int | None = None

    def received(self, offset: int, written_at: float = 0.0) -> None:
        """Notes a record that is about to be handled, and when the broker took it (Unix seconds)."""
        self._pending.append((offset, written_at))

    def finished(self, offset: int) -> None:
        """Notes that a record needs no more handling."""
        self._done.add(offset)
        while self._pending and self._pending[0][0] in self._done:
            handled, _ = self._pending.popleft()
            self._done.discard(handled)
            self.position = handled + 1

    @property
    def oldest(self) -> float | None:
        """When the oldest record that still needs handling was written; None when there is none."""
        return self._pending[0][1] if self._pending else None

    def to_commit(self) -> int | None:
        """Returns the offset to commit, or None when the last commit still says it."""
        return None if self.position == self._committed else self.position

    def committed(self, offset: int) -> None:
        """Notes what the broker has acknowledged."""
        self._committed = offset
