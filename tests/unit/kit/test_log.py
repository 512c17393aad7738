import json
import logging
import sys

import pytest
import structlog

from kit import log


@pytest.fixture
def lines(capsys):
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level

    def configured(severity="info"):
        log.configure("gateway", severity, "gateway-1")
        return lambda: [json.loads(line) for line in capsys.readouterr().out.splitlines()]

    yield configured
    structlog.reset_defaults()
    root.handlers[:] = handlers
    root.setLevel(level)
    logging.captureWarnings(capture=False)


def test_a_line_is_json_with_service_instance_level_and_time(lines):
    read = lines()
    log.get_logger().info("challenge_claimed", login_id="ab")
    log.get_logger().debug("unseen")
    (line,) = read()
    assert line["event"] == "challenge_claimed"
    assert (line["service"], line["instance"], line["level"], line["login_id"]) == (
        "gateway",
        "gateway-1",
        "info",
        "ab",
    )
    assert line["timestamp"].endswith("Z")


def test_a_logger_made_before_the_configuration_follows_it(lines):
    early = log.get_logger()
    read = lines()
    early.info("started")
    assert read()[0]["service"] == "gateway"


def test_an_exception_is_named_by_type_and_place_and_never_by_its_text(lines):
    read = lines()
    try:
        int("hanako 1990")
    except ValueError as error:
        log.get_logger().exception("broke")
        log.get_logger().error("broke", exc_info=error)
        log.get_logger().error("broke", exc_info=(ValueError, error, None))
    for line in read():
        assert line["error"] == "ValueError"
        assert "test_log.py" in line["places"][0]
        assert "1990" not in json.dumps(line)


def test_libraries_are_named_without_their_text_and_held_back(lines):
    read = lines()
    for _ in range(100):
        logging.getLogger("aiokafka.client").error("Unable to connect to hanako:1990")
    (line,) = read()
    assert (line["event"], line["logger"], line["level"]) == ("library_reported", "aiokafka.client", "error")
    assert "1990" not in json.dumps(line)


def test_libraries_have_their_text_at_debug(lines):
    read = lines("debug")
    logging.getLogger("pymongo").warning("server gone")
    assert read()[0]["text"] == "server gone"


def test_what_was_held_back_is_counted():
    now = [0.0]
    quiet = log.Quiet(10.0, lambda: now[0])
    record = logging.LogRecord("aiokafka", logging.ERROR, "file.py", 7, "text", (), None)
    assert [quiet.filter(record) for _ in range(4)] == [True, False, False, False]
    now[0] = 10.0
    assert quiet.filter(record)
    assert record.held_back == 3
    other = logging.LogRecord("aiokafka", logging.ERROR, "file.py", 8, "text", (), None)
    assert quiet.filter(other)


def test_a_closed_standard_output_ends_nothing(lines, monkeypatch):
    lines()

    class Gone:
        def write(self, _):
            raise BrokenPipeError

        def flush(self):
            raise ValueError("I/O operation on closed file")

    monkeypatch.setattr(sys, "stdout", Gone())
    log.get_logger().info("unheard")
