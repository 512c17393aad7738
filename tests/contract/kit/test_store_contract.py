"""What every store of sealed documents keeps to: the one in memory and the one on a real MongoDB, by the same tests."""

import asyncio
import os
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import pytest
from kit.clock import FixedClock
from kit.custody import KeyGone
from kit.errors import Unavailable
from kit.settings import ServiceSettings
from kit.store import AlreadyExists, Collection, Conflict, Store
from kit.store.document import Altered
from kit.testing.fake_custody import FakeDeployment
from kit.testing.fake_store import FakeStore

from tests.support.servers import RealServers

SERVICE = "gateway"


@dataclass
class Bench:
    collection: Collection
    clock: FixedClock
    deployment: FakeDeployment
    store: Any

    @property
    def epoch(self) -> int:
        return self.deployment.hour.epoch_of(self.clock.now())

    def id(self) -> bytes:
        return os.urandom(16)

    def later(self, seconds: float = 600.0) -> float:
        return self.clock.now() + seconds

    async def spoil(self, id_: bytes, *, source: bytes) -> None:
        """Put another document's sealed content into a document, as somebody with the database could."""
        if isinstance(self.store, FakeStore):
            self.store.collection("things").rows[id_].box = self.store.collection("things").rows[source].box
            return
        raw = self.store.connect()["things"]
        other = await raw.find_one({"_id": source})
        await raw.update_one({"_id": id_}, {"$set": {"box": other["box"]}})


@pytest.fixture(params=["fake", pytest.param("real", marks=pytest.mark.real)])
def servers(request: pytest.FixtureRequest) -> RealServers | None:
    # Not from within `bench`: the servers are started by a loop of their own, which cannot run inside another.
    return None if request.param == "fake" else request.getfixturevalue("real_servers")


@pytest.fixture
async def bench(servers: RealServers | None) -> AsyncIterator[Bench]:
    # Whole seconds: dates in the database have milliseconds, and what is read back is compared with what was given.
    clock = FixedClock(float(int(time.time())))
    deployment = await FakeDeployment(clock=clock).start()
    custody = deployment.custodies[SERVICE]
    if servers is None:
        fake = FakeStore(SERVICE, custody, clock)
        yield Bench(fake.collection("things"), clock, deployment, fake)
        return
    settings = servers.settings(ServiceSettings, SERVICE)
    store = Store.of(settings, SERVICE, custody, clock)
    collection = store.collection("things")
    await store.connect()["things"].delete_many({})
    await store.start()
    yield Bench(collection, clock, deployment, store)
    await store.stop()


async def test_what_was_inserted_is_read_back(bench: Bench) -> None:
    id_ = bench.id()
    given = await bench.collection.insert(id_, bench.epoch, bench.later(), "open", b"content", bench.later(60))
    assert (given.state, given.revision, given.content) == ("open", 0, b"content")
    assert await bench.collection.get(id_) == given


async def test_what_was_never_there_reads_as_none(bench: Bench) -> None:
    assert await bench.collection.get(bench.id()) is None


async def test_of_two_inserts_with_one_id_the_first_stays(bench: Bench) -> None:
    id_ = bench.id()
    await bench.collection.insert(id_, bench.epoch, bench.later(), "open", b"first")
    with pytest.raises(AlreadyExists):
        await bench.collection.insert(id_, bench.epoch, bench.later(), "open", b"second")
    assert (await bench.collection.get(id_)).content == b"first"


async def test_of_twenty_inserts_at_once_one_wins(bench: Bench) -> None:
    id_ = bench.id()
    inserts = [bench.collection.insert(id_, bench.epoch, bench.later(), "open", str(n).encode()) for n in range(20)]
    outcomes = await asyncio.gather(*inserts, return_exceptions=True)
    assert sum(isinstance(outcome, AlreadyExists) for outcome in outcomes) == 19


async def test_a_replacement_raises_the_revision_and_keeps_the_deadline(bench: Bench) -> None:
    first = await bench.collection.insert(bench.id(), bench.epoch, bench.later(), "open", b"one")
    second = await bench.collection.replace(first, state="shut", content=b"two")
    assert (second.state, second.revision, second.content, second.expires_at) == ("shut", 1, b"two", first.expires_at)
    assert await bench.collection.get(first.id) == second


async def test_a_replacement_can_move_the_deadline(bench: Bench) -> None:
    first = await bench.collection.insert(bench.id(), bench.epoch, bench.later(), "open", b"one")
    await bench.collection.replace(first, state="open", content=b"one", expires_at=bench.later(30))
    assert (await bench.collection.get(first.id)).expires_at == bench.later(30)


async def test_of_twenty_replacements_at_once_one_wins(bench: Bench) -> None:
    first = await bench.collection.insert(bench.id(), bench.epoch, bench.later(), "open", b"")
    changes = [bench.collection.replace(first, state="open", content=str(n).encode()) for n in range(20)]
    outcomes = await asyncio.gather(*changes, return_exceptions=True)
    assert sum(isinstance(outcome, Conflict) for outcome in outcomes) == 19
    [won] = [outcome for outcome in outcomes if not isinstance(outcome, Conflict)]
    assert await bench.collection.get(first.id) == won


async def test_of_writes_that_share_a_command_each_learns_its_own_outcome(bench: Bench) -> None:
    ids = [bench.id() for _ in range(12)]
    first = [await bench.collection.insert(id_, bench.epoch, bench.later(), "open", b"one") for id_ in ids]
    for document in first[::3]:
        await bench.collection.replace(document, state="open", content=b"two")
    for document in first[1::3]:
        await bench.collection.delete(document.id)
    new = [bench.id() if n % 2 else id_ for n, id_ in enumerate(ids)]
    changes = [bench.collection.replace(document, state="shut", content=b"three") for document in first]
    inserts = [bench.collection.insert(id_, bench.epoch, bench.later(), "new", b"four") for id_ in new]
    all_changed = await asyncio.gather(*changes, return_exceptions=True)
    all_inserted = await asyncio.gather(*inserts, return_exceptions=True)
    for n, (changed, inserted) in enumerate(zip(all_changed, all_inserted, strict=True)):
        assert isinstance(changed, Conflict) is (n % 3 != 2)
        taken = new[n] == ids[n] and n % 3 != 1
        assert isinstance(inserted, AlreadyExists) is taken
        if n % 3 != 1:
            kept = await bench.collection.get(ids[n])
            assert kept.content == (b"two" if n % 3 == 0 else b"three")
        if not taken:
            assert await bench.collection.get(new[n]) == inserted


async def test_more_writes_at_once_than_a_command_holds_are_all_made(bench: Bench) -> None:
    inserts = [
        bench.collection.insert(bench.id(), bench.epoch, bench.later(), "open", b"x", patience=0.01) for _ in range(250)
    ]
    documents = await asyncio.gather(*inserts)
    changed = await asyncio.gather(
        *(bench.collection.replace(one, state="shut", content=b"y", patience=0.01) for one in documents)
    )
    assert [document.revision for document in changed] == [1] * 250
    assert await bench.collection.get(documents[249].id) == changed[249]


async def test_a_stale_replacement_changes_nothing(bench: Bench) -> None:
    first = await bench.collection.insert(bench.id(), bench.epoch, bench.later(), "open", b"one")
    second = await bench.collection.replace(first, state="open", content=b"two")
    with pytest.raises(Conflict):
        await bench.collection.replace(first, state="open", content=b"three")
    assert await bench.collection.get(first.id) == second


async def test_what_was_deleted_cannot_be_replaced_or_read(bench: Bench) -> None:
    first = await bench.collection.insert(bench.id(), bench.epoch, bench.later(), "open", b"one")
    assert await bench.collection.delete(first.id)
    assert not await bench.collection.delete(first.id)
    with pytest.raises(Conflict):
        await bench.collection.replace(first, state="open", content=b"two")
    assert await bench.collection.get(first.id) is None


async def test_a_document_past_its_deadline_is_as_absent(bench: Bench) -> None:
    first = await bench.collection.insert(bench.id(), bench.epoch, bench.later(30), "open", b"one", bench.later(1))
    bench.clock.advance(30)
    assert await bench.collection.get(first.id) is None
    assert await bench.collection.claim_due(states=("open",), owner="a", lease_seconds=30) == []
    with pytest.raises(Conflict):
        await bench.collection.replace(first, state="open", content=b"two")
    again = await bench.collection.insert(first.id, bench.epoch, bench.later(30), "open", b"anew")
    assert await bench.collection.get(first.id) == again


async def test_a_document_whose_key_is_gone_is_gone(bench: Bench) -> None:
    hour = bench.deployment.hour
    epoch = bench.epoch
    first = await bench.collection.insert(bench.id(), epoch, hour.key_deadline(epoch) + 60, "open", b"one")
    bench.clock.t = hour.key_deadline(epoch)
    with pytest.raises(KeyGone):
        await bench.collection.get(first.id)
    with pytest.raises(KeyGone):
        await bench.collection.replace(first, state="open", content=b"two")
    with pytest.raises(KeyGone):
        await bench.collection.insert(bench.id(), epoch, bench.later(), "open", b"new")


async def test_an_epoch_without_a_share_yet_is_unavailable(bench: Bench) -> None:
    with pytest.raises(Unavailable):
        await bench.collection.insert(bench.id(), bench.epoch + 30, bench.later(), "open", b"")


async def test_content_moved_to_another_document_is_refused(bench: Bench) -> None:
    one = await bench.collection.insert(bench.id(), bench.epoch, bench.later(), "open", b"one")
    two = await bench.collection.insert(bench.id(), bench.epoch, bench.later(), "open", b"two")
    await bench.spoil(one.id, source=two.id)
    with pytest.raises(Altered):
        await bench.collection.get(one.id)


async def test_only_what_is_due_and_of_the_state_is_claimed_and_by_one(bench: Bench) -> None:
    due = await bench.collection.insert(bench.id(), bench.epoch, bench.later(), "open", b"due", bench.clock.now() - 1)
    await bench.collection.insert(bench.id(), bench.epoch, bench.later(), "open", b"later", bench.later(60))
    await bench.collection.insert(bench.id(), bench.epoch, bench.later(), "shut", b"", bench.clock.now() - 1)
    await bench.collection.insert(bench.id(), bench.epoch, bench.later(), "open", b"never")
    claims = [bench.collection.claim_due(states=("open", "ajar"), owner=str(n), lease_seconds=30) for n in range(8)]
    claimed = [document for found in await asyncio.gather(*claims) for document in found]
    assert [document.content for document in claimed] == [b"due"]
    assert (claimed[0].id, claimed[0].revision) == (due.id, due.revision)


async def test_a_lease_ends_and_another_takes_over(bench: Bench) -> None:
    await bench.collection.insert(bench.id(), bench.epoch, bench.later(), "open", b"due", bench.clock.now())
    assert len(await bench.collection.claim_due(states=("open",), owner="dies", lease_seconds=30)) == 1
    bench.clock.advance(29)
    assert await bench.collection.claim_due(states=("open",), owner="other", lease_seconds=30) == []
    bench.clock.advance(1)
    assert len(await bench.collection.claim_due(states=("open",), owner="other", lease_seconds=30)) == 1


async def test_a_replacement_gives_up_the_lease(bench: Bench) -> None:
    await bench.collection.insert(bench.id(), bench.epoch, bench.later(), "open", b"due", bench.clock.now())
    [claimed] = await bench.collection.claim_due(states=("open",), owner="a", lease_seconds=30)
    await bench.collection.replace(claimed, state="open", content=b"again", due_at=bench.clock.now())
    [again] = await bench.collection.claim_due(states=("open",), owner="b", lease_seconds=30)
    await bench.collection.replace(again, state="open", content=b"done")
    bench.clock.advance(60)
    assert await bench.collection.claim_due(states=("open",), owner="c", lease_seconds=30) == []


async def test_no_more_than_the_limit_is_claimed(bench: Bench) -> None:
    for _ in range(5):
        await bench.collection.insert(bench.id(), bench.epoch, bench.later(), "open", b"", bench.clock.now())
    assert len(await bench.collection.claim_due(states=("open",), owner="a", lease_seconds=30, limit=3)) == 3
    assert len(await bench.collection.claim_due(states=("open",), owner="a", lease_seconds=30, limit=3)) == 2


async def test_what_is_due_but_without_a_key_is_deleted_on_the_way(bench: Bench) -> None:
    hour, epoch = bench.deployment.hour, bench.epoch
    await bench.collection.insert(bench.id(), epoch, hour.key_deadline(epoch) + 60, "open", b"", bench.clock.now())
    bench.clock.t = hour.key_deadline(epoch)
    assert await bench.collection.claim_due(states=("open",), owner="a", lease_seconds=30) == []
    assert await bench.collection.purge(bench.later(3600)) == 0


async def test_a_purge_deletes_what_has_expired_and_nothing_else(bench: Bench) -> None:
    for seconds in (1, 2, 3600):
        await bench.collection.insert(bench.id(), bench.epoch, bench.later(seconds), "open", b"")
    assert await bench.collection.purge(bench.later(2)) == 2
    assert await bench.collection.purge(bench.later(2)) == 0


async def test_content_of_any_bytes_comes_back_as_it_was(bench: Bench) -> None:
    for content in (b"", b"\0", os.urandom(100_000)):
        document = await bench.collection.insert(bench.id(), bench.epoch, bench.later(), "open", content)
        assert (await bench.collection.get(document.id)).content == content
