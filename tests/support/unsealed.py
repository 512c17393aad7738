"""Runs a service that seals less than it ships with: `python -m tests.support.unsealed MODULE everything|own`.

`everything`: sealing is the identity wherever it happens, so that a reader who finds nothing is known to be blind.
`own`: what the service itself can open lies open, events and documents; what is sealed to somebody behind it (the
phone's evidence, the subject handle for pseudonym) stays sealed. What rests and travels is then what the service knows.
"""

import importlib
import sys
from collections.abc import Callable

from kit.sealing import Sealer
from kit.testing.null_sealer import NullSealer, install
from shirushi.bus.v1 import envelope_pb2 as bus

EVERYTHING, OWN = "everything", "own"
# Labels of what is not for whoever carries it; both stand in the `info` of the seal.
_FOR_OTHERS = (b"phone", bus.EventType.Name(bus.EVENT_TYPE_SUBJECT_HANDLE).encode())


def _own(real: Callable[..., bytes], null: Callable[..., bytes]) -> Callable[..., bytes]:
    def either(self: Sealer, content: bytes, key: object, info: bytes) -> bytes:
        for_others = any(label in info for label in _FOR_OTHERS)
        return (real if for_others else null)(self, content, key, info)

    return either


def unseal(mode: str) -> None:
    """Unseals this process."""
    seal, open_ = Sealer.seal, Sealer.open_
    install()
    if mode == OWN:
        Sealer.seal = _own(seal, NullSealer.seal)  # type: ignore[method-assign]
        Sealer.open_ = _own(open_, NullSealer.open_)  # type: ignore[method-assign]


def main() -> None:
    module, mode = sys.argv[1:3]
    sys.argv = sys.argv[:1]
    unseal(mode)
    importlib.import_module(f"{module}.app").main()


if __name__ == "__main__":
    main()
