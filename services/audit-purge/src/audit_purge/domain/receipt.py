"""Decides what a purge receipt says and how it is chained to the one before.

A receipt proves order and completeness of what this service says it did, not the deed itself: that a secret is really
gone from the memory of every keeper can be shown by nobody. What can be checked is the commitment, which was public
while the epoch was open, and that no receipt was changed, left out or put in later.
"""

from dataclasses import dataclass

from audit_purge.domain.keeper import Destroyed
from audit_purge.domain.rounding import rounded

# The age told when Kafka could not be asked.
AGE_UNKNOWN = -1


@dataclass(frozen=True, slots=True)
class Link:
    """Where the chain of receipts ends: the number of the last one and the SHA-256 of its serialized bytes."""

    sequence: int
    digest: bytes


# Before the first receipt: its `previous` is 32 zero bytes and its number is 1.
GENESIS = Link(0, bytes(32))


@dataclass(frozen=True, slots=True)
class Receipt:
    """One destroyed epoch; the fields of the wire message, counts already rounded."""

    sequence: int
    previous: bytes
    epoch: int
    destroyed_at_ms: int
    chain_id: bytes
    commitment: bytes
    records_deleted: int
    oldest_topic_record_ms: int


def receipt_for(destroyed: Destroyed, *, after: Link, records_deleted: int, oldest_topic_record_ms: int) -> Receipt:
    """Makes the receipt that follows `after`; `records_deleted` is the exact count and leaves this function rounded."""
    return Receipt(
        sequence=after.sequence + 1,
        previous=after.digest,
        epoch=destroyed.epoch,
        destroyed_at_ms=round(destroyed.destroyed_at * 1000),
        chain_id=destroyed.chain_id,
        commitment=destroyed.commitment,
        records_deleted=rounded(records_deleted),
        oldest_topic_record_ms=oldest_topic_record_ms,
    )
