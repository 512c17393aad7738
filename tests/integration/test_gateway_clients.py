"""`gateway clients` on a real MongoDB: what it registers serves at the gateway, and what it refuses changes nothing."""

import asyncio
import json
import os
import subprocess
import sys

import pytest
from gateway.clients import ClientRegistry, MongoRegistrations
from gateway.settings import GatewaySettings
from kit.clock import SystemClock
from kit.store import Store
from kit.testing.fake_custody import FakeDeployment
from sandbox.ports import free_ports

pytestmark = pytest.mark.real


def registration(client_id, **more):
    return {
        "client_id": client_id,
        "name": {"ja": "こども手帳"},
        "redirect_uris": ["https://rp.example/callback"],
        "sector_identifier": "rp.example",
        "jwks_uri": "https://rp.example/jwks",
        **more,
    }


@pytest.fixture
def run(real_servers, tmp_path):
    def command(*arguments, principal="gateway", **settings):
        secret = str(real_servers.pki.service_secret("gateway"))
        environment = real_servers.environment(principal, sector_secret=secret, id_token_keys=secret, **settings)
        clean = {name: value for name, value in os.environ.items() if not name.startswith("SHIRUSHI_")}
        return subprocess.run(
            [sys.executable, "-m", "gateway", "clients", *map(str, arguments)],
            env=clean | environment,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    def listed():
        return {entry["client_id"]: entry for entry in map(json.loads, command("list").stdout.splitlines())}

    def file(*entries):
        path = tmp_path / "clients.json"
        path.write_text(json.dumps(list(entries)))
        return path

    command.listed, command.file = listed, file
    yield command
    for client_id in listed():
        command("remove", client_id)


def test_what_is_added_is_listed_replaced_and_removed(run):
    added = run("add", run.file(registration("one"), registration("two")))
    assert (added.returncode, added.stdout, added.stderr) == (0, "registered one\nregistered two\n", "")
    assert run.listed() == {"one": registration("one"), "two": registration("two")}
    run("add", run.file(registration("one", typed_code=True)))
    assert run.listed()["one"] == registration("one", typed_code=True)
    assert run("remove", "one").returncode == 0
    assert list(run.listed()) == ["two"]
    again = run("remove", "one")
    assert (again.returncode, again.stderr) == (1, "no client is registered under that id\n")


def test_a_file_with_one_wrong_client_registers_none_of_them(run):
    refused = run("add", run.file(registration("good"), registration("bad", redirect_uris=["http://rp.example/"])))
    assert refused.returncode == 1
    assert "refused: " in refused.stderr
    assert "bad" in refused.stderr
    assert refused.stderr.endswith("nothing was registered\n")
    assert run.listed() == {}


def test_a_file_that_is_not_there_is_named_as_such(run, tmp_path):
    refused = run("add", tmp_path / "nothing.yaml")
    assert (refused.returncode, refused.stderr) == (1, "the client registry cannot be read\n")


def test_another_services_certificate_is_refused(run):
    refused = run("list", principal="challenge")
    assert refused.returncode == 1
    assert refused.stderr == "the database refuses this principal\n"


def test_a_database_that_is_away_is_said_to_be(run):
    (port,) = free_ports(1)
    away = run("list", mongodb_uri=f"mongodb://localhost:{port}/?replicaSet=shirushi&tls=true")
    assert away.returncode == 1
    assert away.stderr == "the database does not answer\n"


async def test_the_gateway_serves_what_the_command_registered(run, real_servers):
    secret = str(real_servers.pki.service_secret("gateway"))
    settings = real_servers.settings(GatewaySettings, "gateway", sector_secret=secret, id_token_keys=secret)
    deployment = await FakeDeployment(clock=SystemClock()).start()
    store = Store.of(settings, "gateway", deployment.custodies["gateway"], deployment.clock)
    await store.start()
    registry = ClientRegistry(MongoRegistrations(store.connect()["clients"]))
    try:
        await registry.refresh()
        assert registry.find("shop") is None
        added = await asyncio.to_thread(run, "add", run.file(registration("shop")))
        assert added.returncode == 0
        await registry.refresh()
        assert registry.find("shop").redirect_uris == ("https://rp.example/callback",)
    finally:
        await store.stop()
