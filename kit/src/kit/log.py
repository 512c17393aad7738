"""Structured logs: one JSON object a line on standard output, event names that are facts, ids and nothing personal."""

import contextlib
import logging
import sys
import time
from collections.abc import Callable
from typing import Any, cast

import structlog

# Libraries that repeat themselves many times a second while a broker, a database or a peer is away.
NOISY_LOGGERS = ("aiokafka", "kafka", "faststream", "pymongo", "grpc", "asyncio", "uvicorn", "aiohttp", "opentelemetry")
NOISE_INTERVAL_SECONDS = 30.0


class Quiet(logging.Filter):
    """Lets the same message of a library through once an interval and says how many it held back."""

    def __init__(self, interval: float = NOISE_INTERVAL_SECONDS, now: Callable[[], float] = time.monotonic) -> None:
        super().__init__()
        self._interval = interval
        self._now = now
        self._seen: dict[tuple[str, str, int], tuple[float, int]] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        """Decide whether a record is written."""
        key = (record.name, record.pathname, record.lineno)
        now = self._now()
        last, held = self._seen.get(key, (float("-inf"), 0))
        if now - last < self._interval:
            self._seen[key] = (last, held + 1)
            return False
        self._seen[key] = (now, 0)
        record.held_back = held
        return True


class LibraryHandler(logging.Handler):
    """Turns a library's record into a line of ours that says where it came from, without its text.

    A library's text may quote what it was given (a document, a key, a URL with a query): only logger, place and the
    type of the exception are written; the whole text only at level debug, which no deployment uses.
    """

    def __init__(self, *, with_text: bool) -> None:
        super().__init__()
        self._with_text = with_text
        self._log = structlog.get_logger()

    def emit(self, record: logging.LogRecord) -> None:
        """Write one record."""
        fields: dict[str, Any] = {"logger": record.name, "place": f"{record.module}:{record.lineno}"}
        if held := getattr(record, "held_back", 0):
            fields["held_back"] = held
        if record.exc_info and record.exc_info[0] is not None:
            fields["error"] = record.exc_info[0].__name__
        if self._with_text:
            fields["text"] = record.getMessage()
        self._log.log(record.levelno, "library_reported", **fields)


class _StandardOutput:
    """Writes lines to standard output and never fails: a reader that went away must not end a login."""

    def __init__(self, *_: object) -> None:
        """Take no notice of what structlog offers, a logger's name."""

    def msg(self, line: str) -> None:
        # Looked up at each line, as whoever captures standard output replaces it; ValueError is a closed file.
        with contextlib.suppress(OSError, ValueError):
            sys.stdout.write(line + "\n")
            sys.stdout.flush()

    log = debug = info = warning = warn = error = exception = critical = fatal = msg


def configure(service: str, level: str = "info", instance: str = "") -> None:
    """Set up logging for this process; the first thing that a `main` does after reading its settings."""
    severity = logging.getLevelNamesMapping()[level.upper()]
    bound = {"service": service} | ({"instance": instance} if instance else {})

    def add_service(_: Any, __: str, event: structlog.typing.EventDict) -> structlog.typing.EventDict:
        return {**bound, **event}

    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            add_service,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            exception_place,
            structlog.processors.JSONRenderer(),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(severity),
        logger_factory=_StandardOutput,
        cache_logger_on_first_use=False,
    )
    handler = LibraryHandler(with_text=severity <= logging.DEBUG)
    handler.addFilter(Quiet())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(max(severity, logging.WARNING) if severity > logging.DEBUG else logging.INFO)
    for name in NOISY_LOGGERS:
        library = logging.getLogger(name)
        library.handlers[:] = []
        library.propagate = True
    # Its warnings about connections that are being retried are covered by our own readiness.
    logging.getLogger("asyncio").setLevel(logging.ERROR)
    logging.captureWarnings(capture=True)


def get_logger() -> structlog.typing.FilteringBoundLogger:
    """Return a logger; event names are facts in the past tense, such as `challenge_claimed`."""
    return cast("structlog.typing.FilteringBoundLogger", structlog.get_logger())


def exception_place(_: Any, __: str, event: structlog.typing.EventDict) -> structlog.typing.EventDict:
    """Replace `exc_info` by the exception's type and the places it passed, never its text.

    The text of an exception may quote what a person typed or what a document held.
    """
    given = event.pop("exc_info", None)
    if given is None or given is False:
        return event
    error = given if isinstance(given, BaseException) else given[1] if isinstance(given, tuple) else sys.exc_info()[1]
    if error is None:
        return event
    event["error"] = type(error).__name__
    places: list[str] = []
    frame = error.__traceback__
    while frame is not None:
        code = frame.tb_frame.f_code
        places.append(f"{code.co_filename.rsplit('/', 1)[-1]}:{frame.tb_lineno}:{code.co_name}")
        frame = frame.tb_next
    event["places"] = places[-8:]
    return event
