"""`python -m sandbox.rp city|bank`: serves one sample site until SIGTERM."""

import os
import sys

import uvicorn

from sandbox import surroundings
from sandbox.rp import oidc
from sandbox.rp.app import build
from sandbox.rp.profiles import SITES


def main() -> None:
    """Reads which site from the command line or SANDBOX_RP."""
    name = sys.argv[1] if len(sys.argv) > 1 else os.environ.get("SANDBOX_RP", "")
    if name not in SITES:
        sys.exit(f"Which site? One of: {', '.join(SITES)}.")
    around = surroundings.read()
    client = oidc.client(SITES[name], around.addresses["issuer"], around.state, around.web_ca)
    uvicorn.run(
        build(SITES[name], client, around.addresses[name]),
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
