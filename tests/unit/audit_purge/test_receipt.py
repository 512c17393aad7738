import hashlib

from audit_purge.domain.keeper import Destroyed
from audit_purge.domain.receipt import GENESIS, Link, receipt_for

DESTROYED = Destroyed(29_397_600, 1_763_859_570.25, b"c" * 32, b"i" * 16)


def test_the_first_receipt_follows_zeros():
    receipt = receipt_for(DESTROYED, after=GENESIS, records_deleted=0, oldest_topic_record_ms=-1)
    assert (receipt.sequence, receipt.previous) == (1, bytes(32))


def test_a_receipt_names_the_one_before_and_the_epoch_that_died():
    link = Link(41, hashlib.sha256(b"receipt 41").digest())
    receipt = receipt_for(DESTROYED, after=link, records_deleted=7, oldest_topic_record_ms=1234)
    assert (receipt.sequence, receipt.previous) == (42, link.digest)
    assert (receipt.epoch, receipt.commitment, receipt.chain_id) == (DESTROYED.epoch, b"c" * 32, b"i" * 16)
    assert receipt.destroyed_at_ms == 1_763_859_570_250
    assert receipt.oldest_topic_record_ms == 1234


def test_a_receipt_tells_no_exact_count():
    assert receipt_for(DESTROYED, after=GENESIS, records_deleted=7, oldest_topic_record_ms=0).records_deleted == 10
    assert receipt_for(DESTROYED, after=GENESIS, records_deleted=113, oldest_topic_record_ms=0).records_deleted == 110
