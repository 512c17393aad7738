"""What compose.yaml needs done before and after its Kafka and MongoDB start.

python -m sandbox.container prepare    keys, test authority, settings of every instance, into the state volume
python -m sandbox.container rights     topics and ACLs, replica set and users
"""

import asyncio
import os
import shlex
import sys
from pathlib import Path

from kit.hour import Hour

from sandbox import ca, environment, pki
from sandbox.environment import Servers
from sandbox.instances import Plan
from sandbox.kafka import Kafka
from sandbox.mongo import Mongo
from sandbox.ports import Ports
from sandbox.rp import clients
from sandbox.state import State

# Whom the services' images run as.
_USER = 10001


def main(arguments: list[str]) -> int:
    """Do one of the two."""
    state, ports = State.default(), Ports()
    match arguments:
        case ["prepare"]:
            prepare(state, ports)
        case ["rights"]:
            asyncio.run(_rights(state, ports))
        case _:
            sys.stderr.write("usage: python -m sandbox.container prepare|rights\n")
            return 2
    return 0


def prepare(state: State, ports: Ports) -> None:
    """Make every file that the containers read, owned by the user that they run as."""
    state.make()
    keys = pki.ensure(state.pki)
    kafka, mongo = _servers(state, ports, keys)
    plan = Plan(state, keys, ports, 1, Hour(), Servers(kafka.bootstrap, mongo.uri))
    environment.write_json(state.addresses, plan.addresses())
    ca.ensure(state.root)
    registry = clients.ensure(state.root, plan.addresses())
    for instance in (*plan.helpers(), *plan.services(registry)):
        environment.write_file(state.root / "env" / f"{instance.name}.env", instance.environment)
    kafka.configure()
    mongo_directory = state.root / "mongo"
    mongo_directory.mkdir(exist_ok=True, mode=0o700)
    (mongo_directory / "command").write_text(shlex.join(mongo.command("mongod")))
    if os.geteuid() == 0:
        for path in (state.root, *state.root.rglob("*")):
            os.chown(path, _USER, _USER)


async def _rights(state: State, ports: Ports) -> None:
    kafka, mongo = _servers(state, ports, pki.Pki(state.pki))
    await asyncio.gather(kafka.ready(), mongo.ready())
    await asyncio.to_thread(kafka.apply_rights, Hour())


def _servers(state: State, ports: Ports, keys: pki.Pki) -> tuple[Kafka, Mongo]:
    log = Path("/dev/stdout")
    kafka = Kafka(state.root / "kafka", state.run, log, keys, ports.kafka, ports.kafka_controller)
    return kafka, Mongo(state.root / "mongo", state.run, log, keys, ports.mongodb)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
