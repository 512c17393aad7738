"""Kafka and MongoDB that run already serve a sandbox as its own would, with topics, rights and users made in them."""

import asyncio
import shutil
from pathlib import Path

import pytest
from kit.hour import Hour
from sandbox.driver import connected

from sandbox import cards
from tests.support.drilled import drilled
from tests.support.servers import start_servers, stop_servers

pytestmark = [pytest.mark.real, pytest.mark.drill]


def test_a_login_completes_on_servers_that_ran_already(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    servers = start_servers(tmp_path / "servers", Hour())
    try:
        # Mutual TLS on both sides, so the sandbox must have the authority that the servers trust.
        shutil.copytree(tmp_path / "servers" / "pki", tmp_path / "sandbox" / "pki")
        monkeypatch.setenv("KAFKA_BOOTSTRAP", servers.kafka_bootstrap)
        monkeypatch.setenv("MONGODB_URI", servers.mongodb_uri)
        with drilled(tmp_path / "sandbox") as sandbox:
            assert not {"kafka", "mongod"} & {file.stem for file in sandbox.supervisor.state.run.glob("*.pid")}

            async def run():
                async with connected(sandbox.addresses) as driver:
                    chips = list(cards.people(Path(sandbox.addresses["state"]), driver.authority, 1))
                    return await driver.log_in(chips[0], "city")

            result = asyncio.run(run())
            assert result.outcome == "completed", result.detail
        assert servers.kafka.child.running
        assert servers.mongo.child.running
    finally:
        stop_servers(servers)
