"""`clary down`: stop the server, and by default everything it runs."""

from __future__ import annotations

import os
import signal
import sys
import time
from pathlib import Path

import click

from clary.cli.jobs import of_all_accounts
from clary.cli.server import Server, console, end_containers, home_option, need, settings
from clary.cli.supervisor import STOP_TIMEOUT

_GRACE = 130.0  # seconds: StopTrainingJob's own 120, and a little to settle


@click.command()
@home_option
@click.option("--now", is_flag=True, help="Do not give running jobs their 120 s to stop; they end as Failed.")
@click.option(
    "--keep-jobs", is_flag=True, help="Leave containers running; the next clary up finds them again."
)
@click.option("--yes", "-y", is_flag=True, help="Do not ask.")
def command(home: Path | None, now: bool, keep_jobs: bool, yes: bool) -> None:
    """Stop the server.

    Running training and processing jobs, of all accounts, are stopped as StopTrainingJob does, so what they
    saved is uploaded. Endpoints stay endpoints: their hosts end now and start again with the next clary up.
    """
    server = need(settings(home).home)
    out = console()
    if not keep_jobs:
        _stop_jobs(server, ask=not yes and sys.stdin.isatty(), wait=not now)
    _end(server)
    if not keep_jobs:
        end_containers(server.home)
    out.print(
        f"Stopped {server.url}. Nothing is lost: clary up goes on from {server.home.root}", soft_wrap=True
    )


def _stop_jobs(server: Server, *, ask: bool, wait: bool) -> None:
    busy = [
        (jobs, found) for jobs in of_all_accounts(server, "not asked to stop") if (found := jobs.unfinished())
    ]
    if not busy:
        return
    names = [jobs.named(name) for jobs, found in busy for _, name in found]
    click.echo(f"Running jobs: {', '.join(names)}")
    if ask:
        click.confirm("Stop them?", abort=True)
    if not wait:
        return
    for jobs, found in busy:
        for kind, name in found:
            jobs.stop(kind, name)
    deadline = time.monotonic() + _GRACE
    while any(jobs.unfinished() for jobs, _ in busy) and time.monotonic() < deadline:
        time.sleep(0.2)


def _end(server: Server) -> None:
    os.kill(server.pid, signal.SIGTERM)
    deadline = time.monotonic() + STOP_TIMEOUT + 5
    while time.monotonic() < deadline:
        try:
            os.kill(server.pid, 0)
        except ProcessLookupError:
            return
        if _is_zombie(server.pid):
            return
        time.sleep(0.02)
    raise click.ClickException(f"The server (pid {server.pid}) does not end. See {server.home.logs}")


def _is_zombie(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except OSError:
        return True
