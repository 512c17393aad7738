"""The first sector of a login over the double of the sealed store, which keeps the real one's contract."""

import asyncio

import pytest
from kit.errors import Code, ShirushiError, Unavailable
from kit.hour import Hour
from kit.testing.fake_store import FakeStore
from pseudonym.store import COLLECTION, StoredFirstSectors

from tests.component.pseudonym.conftest import LOGIN

FIRST, SECOND = b"1" * 32, b"2" * 32


@pytest.fixture
def collection(deployment, clock):
    return FakeStore("pseudonym", deployment.custodies["pseudonym"], clock).collection(COLLECTION)


@pytest.fixture
def sectors(deployment, collection):
    return StoredFirstSectors(collection, custody=deployment.custodies["pseudonym"], hour=Hour())


async def test_the_first_is_kept_and_told_to_whoever_asks_later(sectors, epoch):
    assert await sectors.first(LOGIN, epoch, FIRST) == FIRST
    assert await sectors.first(LOGIN, epoch, SECOND) == FIRST
    assert await sectors.first(LOGIN, epoch, FIRST) == FIRST


async def test_two_replicas_agree(sectors, deployment, collection, epoch):
    other = StoredFirstSectors(collection, custody=deployment.custodies["pseudonym"], hour=Hour())
    told = await asyncio.gather(
        *[replica.first(LOGIN, epoch, bytes([n]) * 32) for n in range(10) for replica in (sectors, other)]
    )
    assert len(set(told)) == 1


async def test_logins_and_epochs_have_places_of_their_own(sectors, collection, epoch):
    await sectors.first(LOGIN, epoch, FIRST)
    assert await sectors.first(b"M" * 16, epoch, SECOND) == SECOND
    assert await sectors.first(LOGIN, epoch + 1, SECOND) == SECOND
    assert len(collection.rows) == 3


async def test_what_rests_shows_neither_login_nor_sector(sectors, collection, epoch):
    await sectors.first(LOGIN, epoch, FIRST)
    ((id_, row),) = collection.rows.items()
    assert LOGIN not in id_ + row.box
    assert FIRST not in row.box
    assert len(id_) == 32


async def test_it_goes_with_the_keys_of_its_epoch(sectors, collection, epoch):
    await sectors.first(LOGIN, epoch, FIRST)
    (row,) = collection.rows.values()
    assert row.document.expires_at == Hour().key_deadline(epoch)


async def test_after_the_deadline_the_login_is_over(sectors, clock, epoch):
    await sectors.first(LOGIN, epoch, FIRST)
    clock.advance(59.5 * 60)
    with pytest.raises(ShirushiError) as refused:
        await sectors.first(LOGIN, epoch, FIRST)
    assert (refused.value.code, refused.value.reason) == (Code.FAILED_PRECONDITION, "login_expired")


async def test_an_epoch_that_never_was_has_no_key(sectors, epoch):
    with pytest.raises(ShirushiError) as refused:
        await sectors.first(LOGIN, 0, FIRST)
    assert refused.value.reason == "login_expired"
    with pytest.raises(Unavailable):
        await sectors.first(LOGIN, epoch + 900, FIRST)


async def test_a_database_that_is_away_may_come_back(sectors, collection, epoch):
    collection.away = True
    with pytest.raises(Unavailable):
        await sectors.first(LOGIN, epoch, FIRST)
    collection.away = False
    assert await sectors.first(LOGIN, epoch, FIRST) == FIRST


async def test_a_document_that_vanishes_in_between_is_tried_once_more(sectors, collection, epoch, monkeypatch):
    await sectors.first(LOGIN, epoch, SECOND)

    async def vanishing(id_):
        collection.rows.pop(id_, None)

    monkeypatch.setattr(collection, "get", vanishing)
    assert await sectors.first(LOGIN, epoch, FIRST) == FIRST


async def test_a_document_that_can_never_be_read_is_no_answer(sectors, collection, epoch, monkeypatch):
    await sectors.first(LOGIN, epoch, SECOND)

    async def never(id_):
        return None

    monkeypatch.setattr(collection, "get", never)
    with pytest.raises(Unavailable):
        await sectors.first(LOGIN, epoch, FIRST)
