"""Translates between a receipt and its wire message; the chain of receipts hashes these bytes."""

import hashlib

from shirushi.audit_purge.v1.events_pb2 import PurgeReceipt

from audit_purge.domain.receipt import Link, Receipt


def to_message(receipt: Receipt) -> PurgeReceipt:
    """Puts a receipt into its wire message."""
    return PurgeReceipt(
        sequence=receipt.sequence,
        previous=receipt.previous,
        epoch=receipt.epoch,
        destroyed_at_ms=receipt.destroyed_at_ms,
        chain_id=receipt.chain_id,
        commitment=receipt.commitment,
        records_deleted=receipt.records_deleted,
        oldest_topic_record_ms=receipt.oldest_topic_record_ms,
    )


def to_bytes(receipt: Receipt) -> bytes:
    """Serializes a receipt; the same receipt always gives the same bytes."""
    return to_message(receipt).SerializeToString(deterministic=True)


def from_bytes(serialized: bytes) -> Receipt:
    """Reads a receipt that `to_bytes` wrote."""
    message = PurgeReceipt.FromString(serialized)
    return Receipt(
        sequence=message.sequence,
        previous=message.previous,
        epoch=message.epoch,
        destroyed_at_ms=message.destroyed_at_ms,
        chain_id=message.chain_id,
        commitment=message.commitment,
        records_deleted=message.records_deleted,
        oldest_topic_record_ms=message.oldest_topic_record_ms,
    )


def link_of(serialized: bytes) -> Link:
    """Returns what the next receipt is chained to."""
    return Link(PurgeReceipt.FromString(serialized).sequence, hashlib.sha256(serialized).digest())
