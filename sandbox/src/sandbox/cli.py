"""The command `shirushi`: everything on one machine, started, looked at, logged in to, and stopped."""

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from kit.hour import Hour
from pydantic import ValidationError
from rich.console import Console

from sandbox import show
from sandbox.instances import MOST_REPLICAS
from sandbox.ports import Ports, PortTaken
from sandbox.process import ProcessDied, read_pid_file, stop_leftovers, wait_gone
from sandbox.readiness import NotReady
from sandbox.state import AlreadyRunning, State

if TYPE_CHECKING:
    from sandbox.driver import LoginResult
    from sandbox.supervisor import Supervisor

app = typer.Typer(
    no_args_is_help=True, add_completion=False, help="Shirushi on one machine: a sandbox to try and test."
)


class Transport(StrEnum):
    """How the phone comes to the challenge."""

    APP_LINK = "app_link"
    QR = "qr"


_DOWN_SECONDS = 10.0
_RESTART_SECONDS = 30.0
_DETACHED = "SHIRUSHI_DETACHED"

out = Console(highlight=False)
progress = Console(stderr=True, highlight=False)


@app.command()
def up(
    replicas: Annotated[
        int, typer.Option(min=1, max=MOST_REPLICAS, help="Of gateway, challenge, verifier and pseudonym.")
    ] = 1,
    hour: Annotated[
        float, typer.Option(min=60, max=3600, help="Seconds that the hour lasts; less to see it end.")
    ] = 3600,
    detach: Annotated[
        bool, typer.Option("--detach", help="Return when everything is up; `shirushi down` stops it.")
    ] = False,
    log_level: Annotated[str, typer.Option(help="debug, info, warning or error.")] = "info",
) -> None:
    """Start everything and stay until Ctrl-C."""
    state = State.default()
    if detach:
        _detached_up(state, ["--replicas", str(replicas), "--hour", str(hour), "--log-level", log_level])
    else:
        raise typer.Exit(_run(state, replicas, Hour(hour), log_level))


@app.command()
def down() -> None:
    """Stop everything, at the latest after ten seconds."""
    state = State.default()
    pid = read_pid_file(state.supervisor_pid)
    if pid is not None:
        os.kill(pid, signal.SIGTERM)
        with progress.status("stopping"):
            wait_gone(pid, _DOWN_SECONDS)
    left = stop_leftovers(state.run)
    if left:
        progress.print(f"killed what did not stop: {', '.join(left)}")
    state.forget_hour()
    state.ready.unlink(missing_ok=True)
    progress.print("Everything is stopped." if pid is not None or left else "Nothing was running.")


@app.command()
def status() -> None:
    """Show what runs, where, and whether it is ready."""
    state = State.default()
    rows = asyncio.run(show.processes(state))
    if not rows:
        out.print("Nothing is running; `shirushi up` starts it.")
        raise typer.Exit(1)
    out.print(show.process_table(rows))
    if state.ready.exists():
        show.addresses(out, state)


@app.command()
def restart(name: Annotated[str, typer.Argument(help="As `shirushi status` shows it, such as gateway-0.")]) -> None:
    """Stop one process and start it again, or start it where it has ended; logins under way go on."""
    state = State.default()
    if read_pid_file(state.supervisor_pid) is None:
        progress.print("Nothing is running; start it with `shirushi up`.")
        raise typer.Exit(2)
    if name == "supervisor" or not state.log(name).exists():
        progress.print(f"There is no process of the name {name}; `shirushi status` shows them.")
        raise typer.Exit(2)
    request = state.restart_request(name)
    request.touch()
    with progress.status(f"restarting {name}"):
        ready = asyncio.run(show.restarted(state, name, _RESTART_SECONDS))
    progress.print(f"{name} is {ready}.")
    raise typer.Exit(0 if ready in ("ready", "running") else 1)


@app.command()
def cards() -> None:
    """List the test cards: who, with which PIN, and what happens with it."""
    out.print(show.card_table())


@app.command()
def login(
    rp: Annotated[str, typer.Option(help="The relying party: city or bank.")] = "city",
    card: Annotated[str | None, typer.Option(help="A test card (`shirushi cards`).")] = None,
    people: Annotated[
        int | None, typer.Option(min=1, help="Instead of a card: this many made-up people in turn.")
    ] = None,
    count: Annotated[int | None, typer.Option(min=1, help="How many logins; one, or one a person.")] = None,
    concurrency: Annotated[int, typer.Option(min=1, help="How many at a time.")] = 1,
    transport: Annotated[
        Transport, typer.Option(help="app_link: app and browser on one device; qr: the phone reads the PC's code.")
    ] = Transport.APP_LINK,
    as_json: Annotated[
        bool, typer.Option("--json", help="One JSON object a login on standard output, nothing else.")
    ] = False,
) -> None:
    """Log in over the public surfaces, as browser, relying party and phone at once."""
    if (card is None) == (people is None):
        raise typer.BadParameter("give either --card or --people")
    state = State.default()
    addresses = state.read_addresses()
    if not state.ready.exists() or read_pid_file(state.supervisor_pid) is None:
        progress.print("Nothing is running; start it with `shirushi up`.")
        raise typer.Exit(2)
    from sandbox.driver import run_logins  # noqa: PLC0415 (heavy, and wanted by this command only)

    results: list[LoginResult] = []

    def on_result(result: "LoginResult") -> None:
        results.append(result)
        if as_json:
            steps = [{"name": step.name, "ms": round(step.ms, 2)} for step in result.steps]
            line = {"sub": result.sub, "rp": result.rp, "outcome": result.outcome, "steps": steps}
            sys.stdout.write(json.dumps(line, ensure_ascii=False) + "\n")
            sys.stdout.flush()
            if result.outcome == "failed":
                progress.print(f"failed: {result.detail}", markup=False, soft_wrap=True)

    total = count or people or 1
    coroutine = run_logins(
        addresses,
        card=card,
        people=people,
        rp=rp,
        count=total,
        concurrency=concurrency,
        on_result=on_result,
        transport=transport.value,
    )
    try:
        if as_json:
            asyncio.run(coroutine)
        else:
            with progress.status(f"{total} login{'s' if total > 1 else ''} at {rp}"):
                asyncio.run(coroutine)
            show.logins(out, results)
    except (LookupError, ValueError) as error:
        progress.print(f"{error}", soft_wrap=True)
        raise typer.Exit(2) from None
    raise typer.Exit(0 if all(result.outcome == "completed" for result in results) else 1)


@app.command()
def clean() -> None:
    """Stop everything and remove its state: keys, stores, logs."""
    down()
    State.default().remove()
    progress.print("The sandbox's state is removed.")


def _run(state: State, replicas: int, hour: Hour, log_level: str) -> int:
    from sandbox.kafka import KafkaUnavailable  # noqa: PLC0415 (the client library is heavy for `status` and `cards`)
    from sandbox.mongo import MongoUnavailable  # noqa: PLC0415
    from sandbox.rp.clients import RegistryUnreadable  # noqa: PLC0415
    from sandbox.supervisor import Supervisor  # noqa: PLC0415

    try:
        steps = show.Steps(progress)
        supervisor = Supervisor(state, Ports(), replicas, hour, log_level, report=steps.begin)
        return asyncio.run(_serve(supervisor, steps, state))
    except AlreadyRunning as error:
        progress.print(f"{error}")
        return 2
    except ValidationError as error:
        progress.print(f"a port setting is wrong: {error}")
        return 2
    except (
        PortTaken,
        ProcessDied,
        NotReady,
        KafkaUnavailable,
        MongoUnavailable,
        RegistryUnreadable,
        TimeoutError,
    ) as error:
        progress.print(f"\n{error}", markup=False, soft_wrap=True)
        return 1
    except KeyboardInterrupt:
        return 130


async def _serve(supervisor: "Supervisor", steps: show.Steps, state: State) -> int:
    """Up, stay, down; Ctrl-C and SIGTERM cancel whichever of these is going on."""
    task = asyncio.current_task()
    loop = asyncio.get_running_loop()
    stop: Callable[[], object] = task.cancel if task is not None else loop.stop
    for number in (signal.SIGTERM, signal.SIGHUP):
        loop.add_signal_handler(number, stop)
    try:
        with steps:
            await supervisor.up()
        progress.print(f"Everything is up after {steps.seconds:.1f} s.\n")
        if not os.environ.get(_DETACHED):
            show.addresses(out, state)
            out.print("Ctrl-C stops everything.")
        supervisor.report = lambda text: progress.print(text, soft_wrap=True)
        await supervisor.watch()
    except asyncio.CancelledError:
        return 0
    finally:
        with progress.status("stopping"):
            supervisor.down()


def _detached_up(state: State, options: list[str]) -> None:
    """Start a supervisor in a session of its own, follow its progress until it is up, and leave it."""
    if read_pid_file(state.supervisor_pid) is not None:
        progress.print("this sandbox is already running; `shirushi status` shows it")
        raise typer.Exit(2)
    state.make()
    log = state.log("supervisor")
    with log.open("wb") as file:
        supervisor = subprocess.Popen(
            [sys.executable, "-m", "sandbox.cli", "up", *options],
            stdin=subprocess.DEVNULL,
            stdout=file,
            stderr=subprocess.STDOUT,
            env={**os.environ, _DETACHED: "1"},
            start_new_session=True,
        )
    state.ready.unlink(missing_ok=True)
    try:
        _follow(log, until=lambda: supervisor.poll() is not None or state.ready.exists())
    except KeyboardInterrupt:
        supervisor.terminate()
        supervisor.wait()
        raise typer.Exit(130) from None
    if supervisor.poll() is not None:
        raise typer.Exit(supervisor.returncode or 1)
    show.addresses(out, state)
    out.print("`shirushi down` stops everything.")


def _follow(log: Path, until: Callable[[], bool]) -> None:
    """Copy what is appended to a log until something is the case."""
    with log.open(encoding="utf-8", errors="replace") as file:
        while True:
            done = until()
            if text := file.read():
                progress.print(text, end="", markup=False, soft_wrap=True)
            if done:
                return
            time.sleep(0.1)


def main() -> None:
    """Run the command line."""
    app()


if __name__ == "__main__":
    main()
