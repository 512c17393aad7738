"""What is refused, with which reason, and that a refusal never takes the login's one sector."""

import pytest
from kit.errors import Code, ShirushiError, Unavailable
from pseudonym.domain.derivation import MAX_SEALED_SUBJECT_BYTES, derive_sub
from pseudonym.domain.sector_commitment import sector_commitment

from tests.unit.pseudonym.conftest import BLIND, EPOCH, HANDLE, LABEL, LOGIN

OTHER_LABEL = b"T" * 32


async def ask(request, keys, subjects, sectors):
    return await derive_sub(request, keys=keys, subjects=subjects, sectors=sectors)


async def test_a_verified_login_gets_its_sub(request_, keys, subjects, sectors):
    assert await ask(request_, keys, subjects, sectors) == keys.sub(1, LABEL, HANDLE)


async def test_the_same_request_again_gets_the_same(request_, keys, subjects, sectors):
    assert await ask(request_, keys, subjects, sectors) == await ask(request_, keys, subjects, sectors)


async def test_the_sector_s_key_version_is_used(request_, keys, subjects, sectors, replace):
    assert await ask(replace(request_, key_version=2), keys, subjects, sectors) == keys.sub(2, LABEL, HANDLE)


# One row = one rule = one reason.
REQUESTS_THAT_ARE_REFUSED = {
    "login_id_size": [("login_id", b""), ("login_id", b"L" * 15), ("login_id", b"L" * 17)],
    "sector_label_size": [("sector_label", b""), ("sector_label", b"S" * 31), ("sector_label", b"S" * 33)],
    "commitment_blind_size": [("commitment_blind", b""), ("commitment_blind", b"B" * 4096)],
    "sealed_subject_size": [
        ("sealed_subject", b""),
        ("sealed_subject", bytes(MAX_SEALED_SUBJECT_BYTES + 1)),
    ],
    "key_version_unknown": [("key_version", 0), ("key_version", 3), ("key_version", 2**32 - 1)],
    "subject_of_another_login": [("login_id", b"M" * 16), ("epoch", EPOCH + 1), ("epoch", 0)],
    "sector_commitment_mismatch": [("sector_label", OTHER_LABEL), ("commitment_blind", b"C" * 32)],
}


@pytest.mark.parametrize(
    ("reason", "field", "value"),
    [(reason, *row) for reason, rows in REQUESTS_THAT_ARE_REFUSED.items() for row in rows],
)
async def test_a_request_that_breaks_a_rule_is_refused_and_keeps_nothing(
    reason, field, value, request_, keys, subjects, sectors, replace
):
    with pytest.raises(ShirushiError) as refused:
        await ask(replace(request_, **{field: value}), keys, subjects, sectors)
    assert refused.value.reason == reason
    expected = Code.INVALID_ARGUMENT if reason.endswith("_size") else Code.FAILED_PRECONDITION
    assert refused.value.code is expected
    assert sectors.asked == 0


SUBJECTS_THAT_ARE_REFUSED = {
    "subject_of_another_login": [("login_id", b"M" * 16), ("login_id", b""), ("epoch", EPOCH - 1)],
    "subject_malformed": [
        ("handle", b""),
        ("handle", HANDLE[:-1]),
        ("handle", HANDLE + b"H"),
        ("sector_commitment", b""),
        ("sector_commitment", bytes(31)),
    ],
    "sector_commitment_mismatch": [
        ("sector_commitment", bytes(32)),
        ("sector_commitment", sector_commitment(OTHER_LABEL, BLIND)),
    ],
}


@pytest.mark.parametrize(
    ("reason", "field", "value"),
    [(reason, *row) for reason, rows in SUBJECTS_THAT_ARE_REFUSED.items() for row in rows],
)
async def test_a_subject_that_breaks_a_rule_is_refused_and_keeps_nothing(
    reason, field, value, request_, keys, subjects, sectors, replace
):
    subjects.subject = replace(subjects.subject, **{field: value})
    with pytest.raises(ShirushiError) as refused:
        await ask(request_, keys, subjects, sectors)
    assert (refused.value.code, refused.value.reason) == (Code.FAILED_PRECONDITION, reason)
    assert sectors.asked == 0


async def test_a_second_sector_is_refused_even_with_a_commitment_that_fits(request_, keys, subjects, sectors, replace):
    await ask(request_, keys, subjects, sectors)
    subjects.subject = replace(subjects.subject, sector_commitment=sector_commitment(OTHER_LABEL, BLIND))
    with pytest.raises(ShirushiError) as refused:
        await ask(replace(request_, sector_label=OTHER_LABEL), keys, subjects, sectors)
    assert refused.value.reason == "second_sector"


async def test_a_refused_sector_does_not_take_the_place_of_the_right_one(request_, keys, subjects, sectors, replace):
    with pytest.raises(ShirushiError):
        await ask(replace(request_, sector_label=OTHER_LABEL), keys, subjects, sectors)
    assert await ask(request_, keys, subjects, sectors) == keys.sub(1, LABEL, HANDLE)


@pytest.mark.parametrize("field", ["login_id", "sector_label", "commitment_blind", "sealed_subject"])
async def test_sizes_are_bounded_before_anything_is_opened(field, request_, keys, subjects, sectors, replace):
    with pytest.raises(ShirushiError):
        await ask(replace(request_, **{field: b"x" * 100_000}), keys, subjects, sectors)
    assert subjects.opened == 0


async def test_an_unknown_key_version_opens_nothing(request_, keys, subjects, sectors, replace):
    with pytest.raises(ShirushiError):
        await ask(replace(request_, key_version=9), keys, subjects, sectors)
    assert subjects.opened == 0


async def test_what_cannot_be_opened_is_refused_as_the_opener_says(request_, keys, subjects, sectors, gone):
    subjects.refusal = gone
    with pytest.raises(ShirushiError) as refused:
        await ask(request_, keys, subjects, sectors)
    assert refused.value is gone
    assert sectors.asked == 0


async def test_a_store_that_is_away_gives_no_sub(request_, keys, subjects):
    class Away:
        async def first(self, *_):
            raise Unavailable

    with pytest.raises(Unavailable):
        await ask(request_, keys, subjects, Away())


async def test_no_refusal_tells_a_value(request_, keys, subjects, sectors, replace):
    for row in [row for rows in REQUESTS_THAT_ARE_REFUSED.values() for row in rows]:
        with pytest.raises(ShirushiError) as refused:
            await ask(replace(request_, **{row[0]: row[1]}), keys, subjects, sectors)
        told = str(refused.value) + refused.value.public_text + refused.value.reason
        for secret in (LABEL, BLIND, HANDLE, LOGIN):
            assert secret.hex() not in told
            assert secret.decode() not in told


def test_no_repr_shows_a_handle(subjects):
    assert "HHHH" not in repr(subjects.subject)
