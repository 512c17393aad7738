"""A TCP front: hands each new connection to the next replica in turn. It ends no TLS and reads no byte.

python -m sandbox.front 8443=18602,18606 8444=18642,18646
"""

import asyncio
import contextlib
import itertools
import signal
import sys
from collections.abc import Iterator

_CHUNK = 64 * 1024
_CONNECT_SECONDS = 2.0


async def main(arguments: list[str]) -> None:
    """Serve every `port=replica,replica` of the arguments until SIGTERM."""
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    servers = [await _listen(argument) for argument in arguments]
    await stop.wait()
    for server in servers:
        server.close()


async def _listen(argument: str) -> asyncio.Server:
    port, _, replicas = argument.partition("=")
    ports = [int(replica) for replica in replicas.split(",")]
    turns = itertools.cycle(range(len(ports)))

    async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await _serve(reader, writer, _in_turn(ports, next(turns)))

    return await asyncio.start_server(accept, "127.0.0.1", int(port), backlog=1024)


def _in_turn(ports: list[int], first: int) -> Iterator[int]:
    """Every replica once, from `first` on: one that is down is passed over."""
    return iter(ports[first:] + ports[:first])


async def _serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, replicas: Iterator[int]) -> None:
    for port in replicas:
        try:
            async with asyncio.timeout(_CONNECT_SECONDS):
                upstream_reader, upstream_writer = await asyncio.open_connection("127.0.0.1", port)
        except OSError:  # includes TimeoutError
            continue
        await asyncio.gather(_pump(reader, upstream_writer), _pump(upstream_reader, writer))
        return
    writer.close()


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Carry bytes one way until either end closes, then close the other end."""
    with contextlib.suppress(OSError):
        while chunk := await reader.read(_CHUNK):
            writer.write(chunk)
            await writer.drain()
    with contextlib.suppress(OSError):
        writer.close()


if __name__ == "__main__":
    with asyncio.Runner() as runner:
        runner.run(main(sys.argv[1:]))
