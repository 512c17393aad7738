"""`python -m sandbox.phone`: serves the simulated phone until SIGTERM."""

import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
import uvicorn
from starlette.applications import Starlette

from sandbox import surroundings
from sandbox.ca import authority
from sandbox.phone.client import Phone
from sandbox.phone.sealing_key import pinned_keys
from sandbox.phone.web import Pages


def main() -> None:
    """Puts the phone together."""
    around = surroundings.read()
    instance = authority.ensure(around.state).app_instance
    pinned = pinned_keys(Path(around.addresses["signers"]))

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        tls = ssl.create_default_context(cafile=str(around.web_ca))
        timeout = aiohttp.ClientTimeout(total=10)
        connector = aiohttp.TCPConnector(ssl=tls)
        async with aiohttp.ClientSession(connector=connector, timeout=timeout) as session:
            pages = Pages(Phone(session, around.addresses["challenge"], pinned, instance), around.state)
            app.router.routes.extend(pages.routes())
            yield

    uvicorn.run(
        Starlette(lifespan=lifespan),
        host=around.host,
        port=around.port,
        ssl_certfile=around.certificate,
        ssl_keyfile=str(around.key),
        access_log=False,
        log_level="warning",
        server_header=False,
        timeout_graceful_shutdown=2,
    )


if __name__ == "__main__":
    main()
