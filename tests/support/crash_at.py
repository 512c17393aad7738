"""Runs a service that kills itself, once, at one named point: `python -m tests.support.crash_at MODULE POINT MARKER`.

Points are `before-publish:TYPE`, `after-publish:TYPE`, `before-insert:COLLECTION`, `after-insert:COLLECTION`,
`before-replace:STATE`, `after-replace:STATE` and `after-open:TYPE`. The product knows nothing of this: the kit's methods
are wrapped from outside, so what is tested is the code that ships.
"""

import functools
import importlib
import os
import signal
import sys
from pathlib import Path


class Crash:
    """Dies at the point, unless the marker says that it already has."""

    def __init__(self, point: str, marker: Path) -> None:
        self.point = point
        self.marker = marker

    def reach(self, point: str) -> None:
        if point == self.point and not self.marker.exists():
            self.marker.touch()
            os.kill(os.getpid(), signal.SIGKILL)


def _around(crash: Crash, verb: str, method, name_of):
    @functools.wraps(method)
    async def wrapped(*args, **kwargs):
        name = name_of(*args, **kwargs)
        crash.reach(f"before-{verb}:{name}")
        answer = await method(*args, **kwargs)
        crash.reach(f"after-{verb}:{name}")
        return answer

    return wrapped


def install(crash: Crash) -> None:
    """Wraps bus, store and codec."""
    from kit.bus.kafka import Bus
    from kit.events import EventCodec, type_of
    from kit.store.collection import SealedCollection
    from shirushi.bus.v1 import envelope_pb2 as bus

    def type_name(type_: int) -> str:
        return bus.EventType.Name(type_).removeprefix("EVENT_TYPE_")

    Bus.publish = _around(crash, "publish", Bus.publish, lambda _self, type_, *_, **__: type_name(type_))
    SealedCollection.insert = _around(crash, "insert", SealedCollection.insert, lambda self, *_, **__: self.name)
    SealedCollection.replace = _around(
        crash, "replace", SealedCollection.replace, lambda _self, _document, *, state, **__: state
    )
    opened = EventCodec.open_

    @functools.wraps(opened)
    def open_(self, raw, message_class, *more):
        event = opened(self, raw, message_class, *more)
        crash.reach(f"after-open:{type_name(type_of(message_class))}")
        return event

    EventCodec.open_ = open_


def main() -> None:
    module, point, marker = sys.argv[1:4]
    sys.argv = sys.argv[:1]
    install(Crash(point, Path(marker)))
    importlib.import_module(f"{module}.app").main()


if __name__ == "__main__":
    main()
