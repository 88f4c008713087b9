"""`clary restart`: replace the server's processes by new ones, without losing a call."""

from __future__ import annotations

import json
import os
import signal
import time
from pathlib import Path
from typing import NamedTuple

import click

from clary.cli.server import Server, console, home_option, need, settings
from clary.cli.supervisor import READY_TIMEOUT, STOP_TIMEOUT


@click.command()
@home_option
def command(home: Path | None) -> None:
    """Replace the server's processes by new ones, after an upgrade for one.

    Jobs and endpoints go on. New calls go to the new processes; the old ones end once they have answered
    what they were asked.
    """
    server = need(settings(home).home)
    before = _tally(server)
    os.kill(server.pid, signal.SIGUSR1)
    patience = READY_TIMEOUT * before.gateways + STOP_TIMEOUT + 5
    deadline = time.monotonic() + patience
    log = server.home.logs / "gateway.log"
    while time.monotonic() < deadline:
        now = _tally(server)
        if now.done > before.done:
            console().print(f"Restarted {server.url}", soft_wrap=True)
            return
        if now.failed > before.failed:
            raise click.ClickException(f"{now.why} See {log}")
        time.sleep(0.02)
    raise click.ClickException(
        f"The server has not said within {patience:.0f} s that its processes were replaced, and may still be "
        f"at it. See {log}"
    )


class _Tally(NamedTuple):
    """How often a server's processes were replaced, and how often and why not all of them."""

    gateways: int
    done: int
    failed: int
    why: str


def _tally(server: Server) -> _Tally:
    try:
        told = json.loads((server.home.run / "server.json").read_text())
        os.kill(server.pid, 0)
    except (FileNotFoundError, ProcessLookupError) as error:
        log = server.home.logs / "gateway.log"
        raise click.ClickException(f"The server ended before it was restarted. See {log}") from error
    # A supervisor that is older than this command, after an upgrade, says less.
    return _Tally(told.get("gateways", 1), told["renewed"], told.get("not_renewed", 0), told.get("why", ""))
