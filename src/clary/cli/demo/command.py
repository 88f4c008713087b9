"""`clary demo`: the main job from end to end, by an unmodified SageMaker SDK script."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import click

from clary.cli.env import variables
from clary.cli.server import Server, console, find, home_option, settings
from clary.core.settings import Settings

HERE = Path(__file__).resolve().parent
IMAGE = "sagemaker-xgboost"


@click.command()
@home_option
@click.option("--keep", is_flag=True, help="Leave the server running afterwards.")
def command(home: Path | None, keep: bool) -> None:
    """Train, deploy and predict with the SageMaker Python SDK, on data that comes along.

    The first run installs the SDK and builds the XGBoost image; later runs need no network. The script is
    ordinary SDK code; its path is printed at the end.
    """
    read = settings(home)
    out = console()
    out.print("[bold]Clary demo[/]: which of these web pages are phishing?\n")
    python = (
        _prepare("the SageMaker SDK 2.x", ["clary.runtime.environment", str(HERE / "requirements.txt")], read)
        / "bin/python"
    )
    _prepare("the XGBoost image", ["clary.runtime.environment", IMAGE], read)
    running = find(read.home)
    server = running or _start(read)
    try:
        status = _run(python, server)
    finally:
        if running is None and not keep:
            _stop(server)
    if status:
        raise click.ClickException(
            f"The script ended with exit code {status}. See its log: clary up --detach; clary logs JOB"
        )
    _go_on(server, stays=running is not None or keep)


def _prepare(what: str, words: list[str], read: Settings) -> Path:
    """Have the runtime build an environment, unless it is there; return its directory."""
    begun = time.monotonic()
    process = subprocess.Popen(  # noqa: S603 - our own interpreter and module
        [sys.executable, "-m", *words],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env={**os.environ, "CLARY_CACHE": str(read.cache)},
    )
    lines: list[str] = []
    with console().status(f"Preparing {what} …") as shown:
        for line in process.stdout or ():
            lines.append(line.rstrip())
            shown.update(f"Preparing {what} … {line.strip()[:60]}")
    if process.wait():
        raise click.ClickException(f"Preparing {what} failed:\n" + "\n".join(lines[-15:]))
    console().print(f"  {what} is ready ({time.monotonic() - begun:.1f} s)")
    return Path(lines[-1])


def _start(read: Settings) -> Server:
    begun = time.monotonic()
    _clary("up", "--detach", "--home", str(read.home.root), "--port", "0")
    server = find(read.home)
    if server is None:
        raise click.ClickException(f"The server ended again; see {read.home.logs}.")
    console().print(f"  a server is up at {server.url} ({time.monotonic() - begun:.1f} s)\n")
    return server


def _stop(server: Server) -> None:
    _clary("down", "--yes", "--now", "--home", str(server.home.root))


def _clary(*words: str) -> None:
    done = subprocess.run(  # noqa: S603 - our own interpreter and module
        [sys.executable, "-m", "clary.cli.main", *words], capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise click.ClickException(done.stderr.strip().removeprefix("Error: ") or f"clary {words[0]} failed")


def _run(python: Path, server: Server) -> int:
    environment = {**os.environ, **variables(server, dict(os.environ))}
    environment = {name: value for name, value in environment.items() if value}
    environment["SAGEMAKER_SUPPRESS_V2_WARNING"] = "1"  # AWS's own advertisement for the next major version
    script, data = HERE / "script.py", HERE / "phishing.csv"
    return subprocess.run([python, str(script), str(data)], env=environment, check=False).returncode  # noqa: S603


def _go_on(server: Server, *, stays: bool) -> None:
    out = console()
    flag = "" if server.home == settings(None).home else f" --home {server.home.root}"
    out.print("\n[bold]What happened[/]: an unmodified SDK script uploaded the data, a training job ran the")
    out.print(
        "built-in XGBoost in a sandbox, an endpoint served the model, and everything was deleted again."
    )
    out.print(f"\n[bold]Go on[/]\n  the script     {HERE / 'script.py'}", soft_wrap=True)
    if not stays:
        out.print(f"  start a server clary up{flag} --detach", soft_wrap=True)
    out.print(f"  run your own   clary run{flag} -- python train.py", soft_wrap=True)
    out.print(f"  look around    clary status{flag}", soft_wrap=True)
    if stays:
        out.print(f"  stop it        clary down{flag}", soft_wrap=True)
