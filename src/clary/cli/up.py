"""`clary up`: start the server, in this terminal or detached."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import click

from clary.cli.server import Server, console, end_containers, find, home_option, settings
from clary.cli.supervisor import READY_TIMEOUT, AlreadyRunning, NotReady, Supervisor
from clary.core.settings import Settings


@click.command()
@home_option
@click.option("--port", type=click.IntRange(0, 65535), help="Port to listen on; 0 picks one. Default: 9229.")
@click.option(
    "--strict", is_flag=True, help="Enforce AWS's own limits and quotas, so that what runs here runs there."
)
@click.option("--detach", is_flag=True, help="Return once the server answers, and leave it running.")
def command(home: Path | None, port: int | None, strict: bool, detach: bool) -> None:
    """Start the server on loopback.

    Everything it knows is kept in the home directory; the next `clary up` goes on from there. Ctrl-C ends the
    server and what it runs; a job under way then fails and says so. `clary down` stops jobs in order first.
    """
    read = settings(home)
    if port is not None:
        read = replace(read, port=port)
    if strict:
        read = replace(read, strict=True)
    running = find(read.home)
    if running is not None:
        raise click.ClickException(_taken(running))
    begun = time.monotonic()
    if detach:
        server = _detached(read)
        _greet(server, time.monotonic() - begun, detached=True)
        return
    supervisor = Supervisor(read)
    try:
        supervisor.start()
    except AlreadyRunning as error:
        raise click.ClickException(
            f"Another server is starting or stopping for {error}. Try again."
        ) from error
    except NotReady as error:
        supervisor.stop()
        raise click.ClickException(_why(read, str(error))) from error
    started = find(read.home)
    if started is not None:
        _greet(started, time.monotonic() - begun, detached=False)
    supervisor.run()
    end_containers(read.home)


def _detached(read: Settings) -> Server:
    read.home.logs.mkdir(parents=True, exist_ok=True)
    log = read.home.logs / "server.log"
    environment = {
        **os.environ,
        "CLARY_HOME": str(read.home.root),
        "CLARY_PORT": str(read.port),
        "CLARY_STRICT": str(int(read.strict)),
    }
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "clary.cli.supervisor"],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            env=environment,
            start_new_session=True,
        )
    deadline = time.monotonic() + READY_TIMEOUT + 5
    while time.monotonic() < deadline:
        server = find(read.home)
        if server is not None:
            return server
        if process.poll() is not None:
            break
        time.sleep(0.02)
    raise click.ClickException(_why(read, log.read_text(errors="replace").strip()))


def _greet(server: Server, seconds: float, *, detached: bool) -> None:
    out = console()
    flag = "" if server.home == settings(None).home else f" --home {server.home.root}"
    out.print(f"[bold green]Clary is up[/] at [bold]{server.url}[/] after {seconds:.1f} s", soft_wrap=True)
    out.print(f"  home      {server.home.root}", soft_wrap=True)
    out.print(f"  account   {server.account}, region {server.region}")
    out.print(f"  use it    clary run{flag} -- python train.py", soft_wrap=True)
    out.print(f'  or        eval "$(clary env{flag})"', soft_wrap=True)
    out.print(f"  stop it   clary down{flag}" if detached else "  stop it   Ctrl-C", soft_wrap=True)


def _taken(server: Server) -> str:
    return (
        f"A server is already running for {server.home.root}: {server.url} (pid {server.pid}). "
        "Use it, stop it with clary down, or give another --home."
    )


def _why(read: Settings, words: str) -> str:
    cure = ""
    if "address already in use" in words.lower():
        cure = f"\nPort {read.port} is taken. Choose another with --port, or --port 0 for a free one."
    return f"The server did not start. Its last words:\n{words}{cure}"
