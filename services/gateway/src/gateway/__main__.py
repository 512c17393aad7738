"""`python -m gateway` starts the service; `--check-config` parses the settings and exits; `clients` keeps the registry."""

import sys

if __name__ == "__main__":
    if sys.argv[1:2] == ["clients"]:
        from gateway.cli import clients

        clients(sys.argv[2:])
    else:
        from gateway.app import main

        main()
