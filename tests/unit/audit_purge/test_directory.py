import dataclasses

import pytest
from audit_purge.domain.directory import MAX_KEYS_A_REQUEST, Directory, SealingStatement
from kit.errors import Code, ShirushiError

CHAIN, OTHER_CHAIN = b"i" * 16, b"j" * 16
WINDOW = range(100, 176)
SIGNED = b"s" * 64


def statement(epoch=100, **changes):
    return dataclasses.replace(SealingStatement("verifier", epoch, CHAIN, b"p" * 1216, SIGNED), **changes)


@pytest.fixture
def directory():
    return Directory(lambda held: held.signature == SIGNED)


def accept(directory, *statements, caller="verifier", window=WINDOW):
    return directory.accept(statements, caller=caller, window=window, chain_id=CHAIN)


def find(directory, service="verifier", first=0, last=2**32 - 1, window=WINDOW, chain_id=CHAIN):
    return directory.find(service, first, last, window=window, chain_id=chain_id)


def test_what_a_service_publishes_is_found(directory):
    kept = [statement(100), statement(101)]
    assert accept(directory, *kept) == kept
    assert find(directory) == kept
    assert find(directory, first=101, last=101) == [kept[1]]
    assert find(directory, service="gateway") == []


def test_publishing_the_same_again_is_nothing_new(directory):
    accept(directory, statement())
    assert accept(directory, statement()) == []


REFUSALS = {
    "sealing_key_of_another": (Code.PERMISSION_DENIED, {"service": "gateway"}),
    "sealing_key_signature_invalid": (Code.PERMISSION_DENIED, {"signature": b"x" * 64}),
    "sealing_key_size": (Code.INVALID_ARGUMENT, {"public_key": b"p" * 1215}),
    "chain_unknown": (Code.UNAVAILABLE, {"chain_id": OTHER_CHAIN}),
    "epoch_not_open": (Code.FAILED_PRECONDITION, {"epoch": 176}),
}


@pytest.mark.parametrize(("reason", "code", "changes"), [(reason, *row) for reason, row in REFUSALS.items()])
def test_a_wrong_statement_is_refused_and_none_of_its_company_is_kept(directory, reason, code, changes):
    with pytest.raises(ShirushiError) as refused:
        accept(directory, statement(100), statement(**{"epoch": 101, **changes}))
    assert (refused.value.code, refused.value.reason) == (code, reason)
    assert find(directory) == []


def test_a_signature_of_the_wrong_size_is_refused(directory):
    with pytest.raises(ShirushiError, match="size"):
        accept(directory, statement(signature=b"s" * 63))


def test_too_many_keys_are_refused(directory):
    with pytest.raises(ShirushiError) as refused:
        accept(directory, *[statement(100)] * (MAX_KEYS_A_REQUEST + 1))
    assert refused.value.reason == "too_many_keys"


def test_an_epoch_that_has_just_closed_is_left_out_without_refusing_the_rest(directory):
    assert accept(directory, statement(99), statement(100)) == [statement(100)]


def test_keys_of_closed_epochs_are_not_found_and_are_forgotten(directory):
    accept(directory, statement(100), statement(101))
    assert find(directory, window=range(101, 177)) == [statement(101)]
    accept(directory, statement(102), window=range(101, 177))
    assert find(directory, window=WINDOW) == [statement(101), statement(102)]


def test_keys_of_another_chain_are_not_found(directory):
    accept(directory, statement(100))
    assert find(directory, chain_id=OTHER_CHAIN) == []


def test_a_key_of_a_new_chain_takes_the_place_of_the_old(directory):
    accept(directory, statement(100))
    fresh = statement(100, chain_id=OTHER_CHAIN)
    directory.accept([fresh], caller="verifier", window=WINDOW, chain_id=OTHER_CHAIN)
    assert find(directory, chain_id=OTHER_CHAIN) == [fresh]


def test_reversed_epochs_are_refused(directory):
    with pytest.raises(ShirushiError, match="before first_epoch"):
        find(directory, first=2, last=1)


def test_what_comes_back_from_the_store_is_checked_again(directory):
    directory.restore([statement(100), statement(101, signature=b"x" * 64)])
    assert find(directory) == [statement(100)]
