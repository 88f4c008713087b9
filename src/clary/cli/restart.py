"""`clary restart`: replace the server's processes by new ones, without losing a call."""

from __future__ import annotations

import json
import os
import signal
import time
from pathlib import Path

import click

from clary.cli.server import Server, console, find, home_option, need, settings
from clary.cli.supervisor import READY_TIMEOUT


@click.command()
@home_option
def command(home: Path | None) -> None:
    """Replace the server's processes by new ones, after an upgrade for one.

    Jobs and endpoints go on. New calls go to the new processes; the old ones end once they have answered
    what they were asked.
    """
    server = need(settings(home).home)
    before = _renewed(server)
    os.kill(server.pid, signal.SIGUSR1)
    deadline = time.monotonic() + READY_TIMEOUT + 5
    while time.monotonic() < deadline and find(server.home):
        if _renewed(server) > before:
            console().print(f"Restarted {server.url}", soft_wrap=True)
            return
        time.sleep(0.02)
    raise click.ClickException(
        f"The server was not restarted, and goes on as it was. See {server.home.logs / 'gateway.log'}"
    )


def _renewed(server: Server) -> int:
    """Return how often the server's processes were replaced."""
    told: dict[str, int] = json.loads((server.home.run / "server.json").read_text())
    return told["renewed"]
