"""Which offsets may be committed."""

from hypothesis import given
from hypothesis import strategies as st
from kit.bus.offsets import PartitionOffsets


def test_nothing_is_committed_before_anything_is_handled() -> None:
    offsets = PartitionOffsets()
    offsets.received(5, 1.0)
    assert offsets.to_commit() is None
    assert offsets.oldest == 1.0


def test_a_gap_holds_the_commit_back() -> None:
    offsets = PartitionOffsets()
    for n in (5, 6, 9):
        offsets.received(n)
    offsets.finished(6)
    offsets.finished(9)
    assert offsets.to_commit() is None
    offsets.finished(5)
    # Offsets need not follow one another: transactions and retention leave holes.
    assert offsets.to_commit() == 10


def test_what_was_committed_is_not_committed_again() -> None:
    offsets = PartitionOffsets()
    offsets.received(0)
    offsets.finished(0)
    offsets.committed(1)
    assert offsets.to_commit() is None
    assert offsets.oldest is None


@given(st.permutations(range(12)))
def test_whatever_finishes_first_never_is_more_committed_than_the_lowest_unfinished(order: list[int]) -> None:
    offsets = PartitionOffsets()
    for n in range(12):
        offsets.received(n)
    unfinished = set(range(12))
    for n in order:
        offsets.finished(n)
        unfinished.discard(n)
        assert (offsets.position or 0) == min(unfinished, default=12)
