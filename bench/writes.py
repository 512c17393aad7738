"""What a write costs alone and together: CPU of client and mongod a document, on the sandbox that is running.

`python -m bench.writes`; it works in a collection of its own, which it drops.
"""

import asyncio
import os
import sys
import time
from pathlib import Path

import uvloop
from bson.binary import Binary
from kit.store import batches
from kit.store.batches import Change
from kit.store.connection import client_of
from kit.store.document import Conflict
from pymongo import WriteConcern
from sandbox.state import State

from bench.load import running_addresses
from bench.processes import pids, usage

DOCUMENTS = 2048
BOX_BYTES = 600
TOGETHER = (1, 2, 4, 8, 32)
AT_A_TIME = 2


def box():
    return Binary(os.urandom(BOX_BYTES))


async def measured(name, mongod, work):
    client, server = time.process_time(), usage(mongod).cpu_ms
    await work
    client, server = (time.process_time() - client) * 1000 / DOCUMENTS, (usage(mongod).cpu_ms - server) / DOCUMENTS
    print(f"{name:>16}: client {client:.3f} ms, mongod {server:.3f} ms a document")


async def in_parts(documents, together, send):
    parts = iter([documents[n : n + together] for n in range(0, len(documents), together)])

    async def worker():
        for part in parts:
            await send(part)

    await asyncio.gather(*(worker() for _ in range(AT_A_TIME)))


async def bench(state: State) -> None:
    mongod = pids(state.run)["mongod"]
    pki = Path(state.pki)
    uri = f"mongodb://localhost:{port_of(state)}/?replicaSet=shirushi"
    async with client_of(uri, pki / "gateway.both.pem", pki / "ca.pem") as client:
        collection = client.get_database("gateway", write_concern=WriteConcern(w="majority"))["bench_writes"]
        try:
            for together in TOGETHER:
                documents = [
                    {"_id": Binary(os.urandom(16)), "rev": 0, "state": "a", "box": box()} for _ in range(DOCUMENTS)
                ]
                changes = [
                    Change(
                        document["_id"], 0, {"$set": {"rev": 1, "state": "b", "box": box()}, "$unset": {"owner": ""}}
                    )
                    for document in documents
                ]
                await measured(
                    f"insert {together}",
                    mongod,
                    in_parts(documents, together, lambda part: batches.insert(collection, part)),
                )
                await measured(
                    f"change {together}",
                    mongod,
                    in_parts(changes, together, lambda part: batches.change(collection, part, Conflict)),
                )
        finally:
            await collection.drop()


def port_of(state: State) -> str:
    """The port in the settings of the gateway that is running."""
    settings = (state.root / "env" / "gateway-0.env").read_text()
    return settings.partition("mongodb://localhost:")[2].partition("/")[0]


def main() -> None:
    if running_addresses() is None:
        sys.exit("no sandbox is running: start one with `shirushi up --detach`")
    uvloop.run(bench(State.default()))


if __name__ == "__main__":
    main()
