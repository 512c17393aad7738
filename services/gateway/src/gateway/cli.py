"""`gateway clients list | add FILE | remove CLIENT_ID`: keeps the registry of relying parties in MongoDB."""

import argparse
import asyncio
import json
import sys
from pathlib import Path
from typing import Any

from kit.errors import ShirushiError
from kit.settings import parse_or_exit
from kit.store.connection import client_for, database_of
from shirushi.rights import PRINCIPALS

from gateway.clients import FileRegistrations, MongoRegistrations
from gateway.domain.client import RegistrationError, client_from
from gateway.settings import GatewaySettings


def clients(argv: list[str]) -> None:
    """Runs one command and exits: 0 done, 1 refused or not there, 2 wrong usage."""
    parser = argparse.ArgumentParser(
        prog="python -m gateway clients",
        description="The registry of relying parties.",
        epilog="Needs the gateway's own SHIRUSHI_* environment: it reaches MongoDB as the gateway does.",
    )
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("list", help="print every registration as JSON, one a line")
    adding = commands.add_parser("add", help="register the clients of a YAML or JSON file, or replace them")
    adding.add_argument("file", type=Path)
    removing = commands.add_parser(
        "remove", help="remove a client; its logins under way can no longer be collected and expire"
    )
    removing.add_argument("client_id")
    arguments = parser.parse_args(argv)
    settings = parse_or_exit(GatewaySettings, [])
    try:
        raise SystemExit(asyncio.run(_run(settings, arguments)))
    except ShirushiError as error:
        sys.stderr.write(f"{error.public_text}\n")
    raise SystemExit(1)


async def _run(settings: GatewaySettings, arguments: argparse.Namespace) -> int:
    async with client_for(settings) as client:
        registry = MongoRegistrations(database_of(client, PRINCIPALS["gateway"].database)["clients"])
        match arguments.command:
            case "list":
                for registration in await registry.read():
                    sys.stdout.write(json.dumps(registration, ensure_ascii=False) + "\n")
            case "add":
                return await _add(registry, arguments.file)
            case "remove":
                if not await registry.remove(arguments.client_id):
                    sys.stderr.write("no client is registered under that id\n")
                    return 1
    return 0


async def _add(registry: MongoRegistrations, file: Path) -> int:
    registrations = await FileRegistrations(file).read()
    refused = [error for registration in registrations if (error := _refusal(registration)) is not None]
    for error in refused:
        sys.stderr.write(f"refused: {error}\n")
    if refused:
        sys.stderr.write("nothing was registered\n")
        return 1
    for registration in registrations:
        client = await registry.add(registration)
        sys.stdout.write(f"registered {client.client_id}\n")
    return 0


def _refusal(registration: dict[str, Any]) -> RegistrationError | None:
    try:
        client_from(registration)
    except RegistrationError as error:
        return error
    return None
