"""`python -m sandbox.jlis`: serves until SIGTERM."""

import asyncio
import signal

import uvloop
from aiohttp import web

from sandbox import surroundings
from sandbox.ca import authority
from sandbox.jlis.responder import Responder
from sandbox.jlis.server import Server
from sandbox.jlis.statuses import Statuses


async def serve() -> None:
    """Listens on the address that the supervisor gave; the control endpoint is as reachable as that address is."""
    around = surroundings.read()
    statuses = Statuses(around.state / "ca" / "issued.json")
    responder = Responder(authority.ensure(around.state), statuses)
    runner = web.ServerRunner(web.Server(Server(responder, statuses).handle, access_log=None), shutdown_timeout=1.0)
    await runner.setup()
    await web.TCPSite(runner, around.host, around.port).start()
    stopped = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stopped.set)
    await stopped.wait()
    await runner.cleanup()


if __name__ == "__main__":
    uvloop.run(serve())
