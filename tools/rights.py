"""Generates everything that follows from deploy/rights.yaml; `--check` only says whether it is up to date.

proto/src/shirushi/rights.py         for the services: topics, signers, RPC callers; for the sandbox: ACLs, topic settings
deploy/generated/kafka-topics.json   for whoever creates the topics in operation
deploy/generated/kafka-acls.json     for whoever creates the ACLs in operation
deploy/generated/mongodb-users.json  for whoever creates the database users in operation
"""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parents[1]
TABLE = ROOT / "deploy" / "rights.yaml"
PYTHON = ROOT / "proto" / "src" / "shirushi" / "rights.py"
KAFKA_TOPICS = ROOT / "deploy" / "generated" / "kafka-topics.json"
KAFKA_ACLS = ROOT / "deploy" / "generated" / "kafka-acls.json"
MONGODB_USERS = ROOT / "deploy" / "generated" / "mongodb-users.json"
DEAD_LETTER = ".dlq"
SUBJECT = "CN={},OU=services,O=Shirushi"

HEAD = '''"""Who may do what, for programs. Generated from deploy/rights.yaml by tools/rights.py; do not edit."""

from collections.abc import Mapping
from dataclasses import dataclass

from shirushi.bus.v1 import envelope_pb2 as bus

DEAD_LETTER = "{dead_letter}"


@dataclass(frozen=True, slots=True)
class Topic:
    """One kind of sealed message: who makes it, who may open it, and the size that it is padded to.

    `receiver` is None where everybody may read; `open` where nobody needs a key.
    """

    name: str
    sender: str
    receiver: str | None
    bytes: int
    open: bool


@dataclass(frozen=True, slots=True)
class Principal:
    """An identity (CN of its certificate): the one database it uses, its consumer groups, whether it purges topics."""

    name: str
    database: str
    groups: tuple[str, ...]
    purges: bool


@dataclass(frozen=True, slots=True)
class Acl:
    """One permission on the broker; `resource` is topic or group, the name is literal."""

    principal: str
    resource: str
    name: str
    operation: str


@dataclass(frozen=True, slots=True)
class KafkaTopic:
    """One topic as the broker keeps it; `config` holds for an hour of 3600 seconds."""

    name: str
    partitions: int
    config: Mapping[str, str]

'''

TAIL = '''

def kafka_acls() -> tuple[Acl, ...]:
    """Return every permission that the broker gives; whatever is not among them it refuses."""
    return _KAFKA_ACLS


def kafka_topics() -> tuple[KafkaTopic, ...]:
    """Return every topic with its settings, dead-letter topics too."""
    return _KAFKA_TOPICS
'''


class TableWrong(Exception):
    """deploy/rights.yaml contradicts itself; the text says where."""


def acls(table: dict[str, Any]) -> list[dict[str, str]]:
    found: list[dict[str, str]] = []

    def allow(principal: str, resource: str, name: str, *operations: str) -> None:
        for operation in operations:
            acl = {"principal": principal, "resource": resource, "name": name, "operation": operation}
            if acl not in found:
                found.append(acl)

    for name, topic in table["topics"].items():
        allow(topic["from"], "topic", name, "write")
        if topic["to"] is not None:
            allow(topic["to"], "topic", name, "read")
            # The consumer alone writes what it could not handle.
            allow(topic["to"], "topic", name + DEAD_LETTER, "write")
    for name, principal in table["principals"].items():
        for group in principal["groups"]:
            allow(name, "group", group, "read")
        if principal.get("purges"):
            for topic in table["topics"]:
                allow(name, "topic", topic, "describe", "delete")
                allow(name, "topic", topic + DEAD_LETTER, "describe", "delete")
    return found


def kept(table: dict[str, Any]) -> dict[str, str]:
    """Every topic, dead-letter topics too, with which settings of `kafka` it is kept."""
    found = {}
    for name, topic in table["topics"].items():
        found[name] = "open_to_all" if topic["to"] is None else "payload"
        found[name + DEAD_LETTER] = "payload"
    return found


def config(table: dict[str, Any], how: str) -> dict[str, str]:
    return {name: str(value) for name, value in table["kafka"][how].items()}


def topics(table: dict[str, Any]) -> list[dict[str, Any]]:
    partitions = table["kafka"]["partitions"]
    return [
        {"topic": name, "partitions": partitions, "config": config(table, how)} for name, how in kept(table).items()
    ]


def users(table: dict[str, Any]) -> list[dict[str, Any]]:
    return [
        {"user": SUBJECT.format(name), "db": "$external", "roles": [{"role": "readWrite", "db": principal["database"]}]}
        for name, principal in table["principals"].items()
    ]


def check_table(table: dict[str, Any]) -> None:
    known = set(table["principals"])
    for name, topic in {**table["topics"], **table["inner"]}.items():
        if topic["from"] not in known or topic["to"] not in known | {None}:
            raise TableWrong(f"{name}: sender or receiver is no principal")
        if not topic.get("open") and (topic["to"] is None or not topic.get("bytes")):
            raise TableWrong(f"{name}: a sealed message needs a receiver and a size")
    for name, callers in table["rpc"].items():
        if not set(callers) <= known:
            raise TableWrong(f"{name}: a caller is no principal")
    databases = [principal["database"] for principal in table["principals"].values()]
    if len(set(databases)) != len(databases):
        raise TableWrong("two principals share a database")
    types = [topic["type"] for topic in table["topics"].values()] + list(table["inner"])
    if len(set(types)) != len(types):
        raise TableWrong("two topics carry one type")


def python(table: dict[str, Any]) -> str:
    lines = [HEAD.format(dead_letter=DEAD_LETTER)]
    lines.append("TOPICS: Mapping[int, Topic] = {")
    lines += [_topic(topic["type"], name, topic) for name, topic in table["topics"].items()]
    lines.append("}\n\n# Sealed messages that travel inside others and have no topic.\nINNER: Mapping[int, Topic] = {")
    lines += [_topic(kind, "", topic) for kind, topic in table["inner"].items()]
    lines.append("}\n\n# Full method name to the principals that may call it.")
    lines.append("RPC_CALLERS: Mapping[str, frozenset[str]] = {")
    lines += [
        f"    {_text(name)}: frozenset({{{', '.join(map(_text, callers))}}})," for name, callers in table["rpc"].items()
    ]
    lines.append("}\n\nPRINCIPALS: Mapping[str, Principal] = {")
    for name, principal in table["principals"].items():
        groups, purges = _tuple(principal["groups"]), bool(principal.get("purges"))
        lines.append(
            f"    {_text(name)}: Principal({_text(name)}, {_text(principal['database'])}, ({groups}), purges={purges}),"
        )
    lines.append("}\n\n_KAFKA_ACLS: tuple[Acl, ...] = (")
    lines += [f"    Acl({', '.join(_text(value) for value in acl.values())})," for acl in acls(table)]
    lines.append(f")\n\n_PAYLOAD = {json.dumps(config(table, 'payload'))}")
    lines.append(f"_OPEN_TO_ALL = {json.dumps(config(table, 'open_to_all'))}")
    lines.append("_KAFKA_TOPICS: tuple[KafkaTopic, ...] = (")
    lines += [
        f"    KafkaTopic({_text(name)}, {table['kafka']['partitions']}, _{how.upper()}),"
        for name, how in kept(table).items()
    ]
    lines.append(")\n" + TAIL)
    return _formatted("\n".join(lines))


def generate() -> dict[Path, str]:
    table = yaml.safe_load(TABLE.read_text())
    check_table(table)
    return {
        PYTHON: python(table),
        KAFKA_TOPICS: json.dumps(topics(table), indent=2) + "\n",
        KAFKA_ACLS: json.dumps(acls(table), indent=2) + "\n",
        MONGODB_USERS: json.dumps(users(table), indent=2) + "\n",
    }


def main(arguments: list[str]) -> int:
    if arguments not in ([], ["--check"]):
        print("usage: python tools/rights.py [--check]", file=sys.stderr)
        return 2
    wrong = []
    for path, text in generate().items():
        if path.exists() and path.read_text() == text:
            continue
        wrong.append(path.relative_to(ROOT))
        if not arguments:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
    if arguments and wrong:
        print("out of date, run `make rights`:", *wrong, file=sys.stderr)
        return 1
    return 0


def _topic(kind: str, name: str, topic: dict[str, Any]) -> str:
    receiver = "None" if topic["to"] is None else _text(topic["to"])
    return (
        f"    bus.EVENT_TYPE_{kind}: Topic({_text(name)}, {_text(topic['from'])}, {receiver}, "
        f"{topic.get('bytes', 0)}, open={bool(topic.get('open'))}),"
    )


def _text(value: str) -> str:
    return json.dumps(value)


def _tuple(values: list[str]) -> str:
    return (
        "".join(f"{_text(value)}, " for value in values).strip() if len(values) == 1 else ", ".join(map(_text, values))
    )


def _formatted(source: str) -> str:
    ruff = Path(sys.executable).with_name("ruff")
    command = [str(ruff), "format", "--isolated", "--line-length=120", "--stdin-filename=rights.py", "-"]
    return subprocess.run(command, input=source, text=True, capture_output=True, check=True).stdout


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
