"""The registry: one bad registration takes no other away, and a source that is away takes none."""

import json

import pytest
from gateway.clients import ClientRegistry, FileRegistrations
from kit.errors import Unavailable

GOOD = {"client_id": "city", "name": "市", "redirect_uris": ["https://city.test/"], "jwks": {"keys": []}}


class Source:
    """Registrations that a test changes."""

    def __init__(self, *entries):
        self.entries = list(entries)
        self.away = False

    async def read(self):
        if self.away:
            raise Unavailable
        return self.entries


@pytest.mark.parametrize(
    "bad",
    [
        None,
        7,
        [],
        {},
        {"client_id": "bank"},
        {**GOOD, "client_id": "bank", "scopes": [[]]},
        {**GOOD, "client_id": "bank", "key_version": float("inf")},
    ],
)
async def test_a_registration_that_breaks_a_rule_is_left_out(bad):
    registry = ClientRegistry(Source(bad, GOOD))
    await registry.refresh()
    assert registry.find("city") is not None
    assert registry.find("bank") is None


async def test_while_the_source_is_away_the_known_clients_serve():
    source = Source(GOOD)
    registry = ClientRegistry(source)
    await registry.start()
    source.away = True
    with pytest.raises(Unavailable):
        await registry.refresh()
    assert registry.find("city") is not None
    await registry.stop()


async def test_who_was_removed_is_gone_with_the_next_reading():
    source = Source(GOOD)
    registry = ClientRegistry(source)
    await registry.refresh()
    source.entries = []
    await registry.refresh()
    assert registry.find("city") is None


@pytest.mark.parametrize("content", [[GOOD], {"clients": [GOOD]}])
async def test_a_file_is_a_list_or_holds_one(tmp_path, content):
    path = tmp_path / "clients.json"
    path.write_text(json.dumps(content))
    assert await FileRegistrations(path).read() == [GOOD]


@pytest.mark.parametrize("content", ["", "7", "clients: 7", "{", "a: [", "- !!python/object:os.system {}"])
async def test_a_file_that_is_none_is_no_registry(tmp_path, content):
    path = tmp_path / "clients.yaml"
    path.write_text(content)
    with pytest.raises(Unavailable):
        await FileRegistrations(path).read()


async def test_a_file_that_is_not_there_is_no_registry(tmp_path):
    with pytest.raises(Unavailable):
        await FileRegistrations(tmp_path / "nothing").read()


async def test_a_file_that_is_not_text_is_no_registry(tmp_path):
    path = tmp_path / "clients.yaml"
    path.write_bytes(b"\xff\xfe\xfd")
    with pytest.raises(Unavailable):
        await FileRegistrations(path).read()


async def test_a_file_with_a_date_that_is_none_is_unreadable_and_not_the_end(tmp_path):
    path = tmp_path / "clients.yaml"
    path.write_text("- {client_id: city, purpose: 2026-02-30}")
    with pytest.raises(Unavailable):
        await FileRegistrations(path).read()
