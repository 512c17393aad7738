import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st
from kit.errors import Code, ShirushiError
from pseudonym.domain.one_sector import hold_to_one_sector, sector_digest

LOGIN, EPOCH, LABEL = b"L" * 16, 29_397_600, b"S" * 32


async def test_the_first_sector_passes_and_is_kept(sectors):
    await hold_to_one_sector(sectors, LOGIN, EPOCH, LABEL, 1)
    assert sectors.kept == {(LOGIN, EPOCH): sector_digest(LABEL, 1)}


async def test_the_same_sector_passes_again_and_again(sectors):
    for _ in range(3):
        await hold_to_one_sector(sectors, LOGIN, EPOCH, LABEL, 1)


@pytest.mark.parametrize(("label", "version"), [(b"T" * 32, 1), (LABEL, 2)], ids=["sector", "key version"])
async def test_a_second_sector_of_the_same_login_is_refused(sectors, label, version):
    await hold_to_one_sector(sectors, LOGIN, EPOCH, LABEL, 1)
    with pytest.raises(ShirushiError) as refused:
        await hold_to_one_sector(sectors, LOGIN, EPOCH, label, version)
    assert (refused.value.code, refused.value.reason) == (Code.FAILED_PRECONDITION, "second_sector")
    await hold_to_one_sector(sectors, LOGIN, EPOCH, LABEL, 1)


async def test_another_login_may_be_for_another_sector(sectors):
    await hold_to_one_sector(sectors, LOGIN, EPOCH, LABEL, 1)
    await hold_to_one_sector(sectors, b"M" * 16, EPOCH, b"T" * 32, 1)


async def test_of_many_sectors_at_once_exactly_one_wins(sectors):
    tries = [hold_to_one_sector(sectors, LOGIN, EPOCH, bytes([n]) * 32, 1) for n in range(20)]
    outcomes = await asyncio.gather(*tries, return_exceptions=True)
    assert outcomes.count(None) == 1


@given(st.binary(min_size=32, max_size=32), st.integers(0, 2**32 - 1))
def test_the_digest_shows_no_label(label, version):
    digest = sector_digest(label, version)
    assert len(digest) == 32
    assert digest != label
    assert digest != sector_digest(label, version ^ 1)
