"""Kafka's jars are taken only as they were committed, and its topics end with the hour."""

import hashlib
import uuid

import pytest
from kit.hour import Hour
from sandbox.kafka_rights import acl_bindings, topic_settings
from shirushi.rights import DEAD_LETTER, TOPICS, kafka_acls

from sandbox import kafka, pki


@pytest.fixture
def jars(tmp_path):
    (tmp_path / "a.jar").write_bytes(b"a")
    return tmp_path, {"a.jar": hashlib.sha256(b"a").hexdigest()}


def test_jars_as_committed_are_taken(jars):
    kafka._check_jars(*jars)


@pytest.mark.parametrize(("name", "content"), [("a.jar", b"other"), ("more.jar", b"")])
def test_a_jar_that_is_other_or_too_many_is_named_and_refused(jars, name, content):
    directory, wanted = jars
    (directory / name).write_bytes(content)
    with pytest.raises(kafka.KafkaUnavailable, match=name):
        kafka._check_jars(directory, wanted)


def test_a_missing_jar_is_named_and_refused(jars):
    directory, wanted = jars
    (directory / "a.jar").unlink()
    with pytest.raises(kafka.KafkaUnavailable, match=r"a\.jar"):
        kafka._check_jars(directory, wanted)


def test_without_maven_and_jars_the_text_says_what_to_do(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setenv("PATH", "")
    with pytest.raises(kafka.KafkaUnavailable, match="make setup"):
        kafka.ensure_jars(lambda _: None)


def test_a_cluster_id_is_never_taken_for_an_option(tmp_path, monkeypatch):
    # As base64url the first bytes begin with a dash.
    made = iter([uuid.UUID(int=0xF8 << 120), uuid.UUID(int=0xFB << 120), uuid.UUID(int=1)])
    monkeypatch.setattr(kafka.uuid, "uuid4", lambda: next(made))
    broker = kafka.Kafka(tmp_path, tmp_path, tmp_path / "log", pki.ensure(tmp_path / "pki"), 1, 2)
    broker.configure()
    first = (tmp_path / "cluster-id").read_text()
    assert first == "AAAAAAAAAAAAAAAAAAAAAQ"
    broker.configure()
    assert (tmp_path / "cluster-id").read_text() == first


def test_a_cluster_id_of_before_that_no_tool_takes_is_replaced(tmp_path):
    (tmp_path / "cluster-id").write_text("-" + "A" * 21)
    kafka.Kafka(tmp_path, tmp_path, tmp_path / "log", pki.ensure(tmp_path / "pki"), 1, 2).configure()
    assert not (tmp_path / "cluster-id").read_text().startswith("-")


@pytest.mark.parametrize("seconds", [3600.0, 120.0])
def test_every_payload_ends_within_the_hour(seconds):
    topics = topic_settings(Hour(seconds))
    for topic in TOPICS.values():
        if topic.receiver is not None:
            for settings in (topics[topic.name], topics[topic.name + DEAD_LETTER]):
                life = int(settings["retention.ms"]) + int(settings["segment.ms"])
                assert life / 1000 <= seconds * 31 / 60


def test_every_right_becomes_one_acl():
    assert len(set(map(repr, acl_bindings()))) == len(kafka_acls())
