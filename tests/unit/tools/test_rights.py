"""What follows from deploy/rights.yaml is what docs/security.md promises, and is up to date."""

import copy
import importlib.util
from pathlib import Path

import pytest
import yaml
from shirushi.bus.v1 import envelope_pb2 as bus
from shirushi.rights import DEAD_LETTER, INNER, PRINCIPALS, RPC_CALLERS, TOPICS, kafka_acls, kafka_topics

ROOT = Path(__file__).parents[3]


@pytest.fixture(scope="module")
def tool():
    spec = importlib.util.spec_from_file_location("rights_tool", ROOT / "tools" / "rights.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def table(tool):
    return yaml.safe_load(tool.TABLE.read_text())


def test_the_generated_files_are_up_to_date(tool):
    assert tool.main(["--check"]) == 0


def test_every_event_type_has_one_row():
    types = {number for number in bus.EventType.values() if number}
    assert set(TOPICS) | set(INNER) == types
    assert not set(TOPICS) & set(INNER)


def test_one_writer_and_one_reader_a_topic():
    for topic in TOPICS.values():

        def who(operation, name=topic.name):
            return {acl.principal for acl in kafka_acls() if acl.name == name and acl.operation == operation}

        assert who("write") == {topic.sender}
        assert who("read") == ({topic.receiver} if topic.receiver else set())
        assert who("delete") == who("describe") == {"audit-purge"}


def test_every_topic_and_its_dead_letters_are_kept_for_less_than_the_hour_and_open_ones_longer():
    kept = {topic.name: topic.config for topic in kafka_topics()}
    assert set(kept) == {name for topic in TOPICS.values() for name in (topic.name, topic.name + DEAD_LETTER)}
    for name, config in kept.items():
        assert config["message.timestamp.type"] == "LogAppendTime"
        of_everybody = name in {topic.name for topic in TOPICS.values() if topic.receiver is None}
        assert (int(config["retention.ms"]) + int(config["segment.ms"]) > 3_600_000) == of_everybody


def test_pseudonym_and_strangers_have_nothing_on_the_bus():
    assert "pseudonym" not in {acl.principal for acl in kafka_acls()}
    assert {acl.operation for acl in kafka_acls()} == {"read", "write", "describe", "delete"}


def test_groups_belong_to_one_principal():
    groups = [(acl.name, acl.principal) for acl in kafka_acls() if acl.resource == "group"]
    assert all(name == principal for name, principal in groups)


def test_every_rpc_of_the_contracts_has_a_row():
    from shirushi.audit_purge.v1 import custody_pb2
    from shirushi.challenge.v1 import challenge_pb2
    from shirushi.pseudonym.v1 import pseudonym_pb2

    methods = {
        f"/{service.full_name}/{method.name}"
        for module in (custody_pb2, challenge_pb2, pseudonym_pb2)
        for service in module.DESCRIPTOR.services_by_name.values()
        for method in service.methods
    }
    assert set(RPC_CALLERS) == methods
    assert all(callers <= set(PRINCIPALS) for callers in RPC_CALLERS.values())


@pytest.mark.parametrize(
    ("spoil", "what"),
    [
        (lambda table: table["topics"]["shirushi.login.requested.v1"].update({"to": "nobody"}), "no principal"),
        (lambda table: table["topics"]["shirushi.login.requested.v1"].update({"from": "nobody"}), "no principal"),
        (lambda table: table["topics"]["shirushi.login.requested.v1"].pop("bytes"), "size"),
        (lambda table: table["topics"]["shirushi.login.requested.v1"].update({"to": None}), "receiver"),
        (lambda table: table["rpc"].update({"/x/Y": ["nobody"]}), "caller"),
        (lambda table: table["principals"]["gateway"].update({"database": "verifier"}), "share a database"),
        (lambda table: table["inner"].update({"LOGIN_REQUESTED": table["inner"]["SUBJECT_HANDLE"]}), "one type"),
    ],
)
def test_a_table_that_contradicts_itself_is_refused(tool, table, spoil, what):
    tool.check_table(copy.deepcopy(table))
    spoil(table)
    with pytest.raises(tool.TableWrong, match=what):
        tool.check_table(table)


def test_unknown_arguments_are_refused(tool, capsys):
    assert tool.main(["--force"]) == 2
    assert "usage" in capsys.readouterr().err
