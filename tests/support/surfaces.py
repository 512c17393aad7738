"""Everything of a running sandbox that rests or leaves a process, as raw bytes, by the name of its surface.

Kafka is read from its segment files, which hold also what no consumer would be given any more; MongoDB from its oplog,
which holds every write there ever was, besides the collections themselves.
"""

import urllib.request
from collections import defaultdict
from typing import Any

import bson
from sandbox.mongo import admin_client
from sandbox.pki import Pki

from tests.support.drilled import Drilled

_NOT_OURS = {"admin", "config", "local"}


def topics(sandbox: Drilled) -> dict[str, bytes]:
    """Every topic's segments, the broker's own topics too."""
    found: dict[str, bytes] = defaultdict(bytes)
    data = sandbox.supervisor.state.root / "kafka" / "data"
    for segment in sorted(data.glob("*-*/*.log")):
        found[segment.parent.name.rpartition("-")[0]] += segment.read_bytes()
    return dict(found)


def collections(sandbox: Drilled) -> dict[str, bytes]:
    """Every collection by `database.collection`, as BSON: its documents, and every write to it that the oplog holds."""
    found: dict[str, bytes] = defaultdict(bytes)
    client: Any = admin_client(sandbox.addresses["mongodb"], Pki(sandbox.supervisor.state.pki))
    with client:
        for database in set(client.list_database_names()) - _NOT_OURS:
            for collection in client[database].list_collection_names():
                found[f"{database}.{collection}"] += b"".join(client[database][collection].find_raw_batches())
        for batch in client.local["oplog.rs"].find_raw_batches():
            for entry in bson.decode_iter(batch):
                for write in _writes(entry):
                    if write["ns"].partition(".")[0] not in _NOT_OURS | {""}:
                        found[write["ns"]] += bson.encode(write)
    return dict(found)


def logs(sandbox: Drilled) -> dict[str, bytes]:
    """What the services and the servers wrote."""
    state = sandbox.supervisor.state
    names = [*sandbox.addresses["management"], "kafka", "mongod"]
    return {name: state.log(name).read_bytes() for name in names}


def metrics(sandbox: Drilled) -> dict[str, bytes]:
    """What every service tells Prometheus."""
    return {name: _get(f"{url}/metrics") for name, url in sandbox.addresses["management"].items()}


def _writes(entry: dict[str, Any]) -> list[dict[str, Any]]:
    # A transaction's writes stand inside one entry.
    inner = entry.get("o", {}).get("applyOps") if isinstance(entry.get("o"), dict) else None
    return list(inner) if inner else [entry]


def _get(url: str) -> bytes:
    assert url.startswith("http://127.0.0.1:")
    with urllib.request.urlopen(url, timeout=10) as response:
        content: bytes = response.read()
        return content
