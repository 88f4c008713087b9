"""`clary doctor`: what this machine can isolate, what is missing, and the cure for each."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import click

from clary.cli.server import console, find, home_option, settings
from clary.core.settings import Settings

_SIGNS = {"ok": "[green]ok  [/]", "warn": "[yellow]warn[/]", "fail": "[red]FAIL[/]"}
_ROOM = 5  # GiB free below which image environments may not fit


@click.command()
@home_option
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def command(home: Path | None, as_json: bool) -> None:
    """Check this machine. Exit code 1 when something that jobs need is missing."""
    read = settings(home)
    findings = [*_basics(read), *_runtime(read)]
    if as_json:
        click.echo(json.dumps(findings, indent=2))
    else:
        out = console()
        for one in findings:
            out.print(f"{_SIGNS[one['level']]}  {one['what']:<12} {one['found']}", soft_wrap=True)
            if one["cure"]:
                out.print(f"                    {one['cure']}", soft_wrap=True)
    if any(one["level"] == "fail" for one in findings):
        sys.exit(1)


def _basics(read: Settings) -> list[dict[str, str]]:
    version = ".".join(str(part) for part in sys.version_info[:3])
    findings = [_finding("ok", "Python", f"{version} at {sys.executable}")]
    server = find(read.home)
    if server is None:
        findings.append(_finding("ok", "server", f"none running for {read.home.root}"))
    else:
        findings.append(_finding("ok", "server", f"{server.url}, pid {server.pid}, home {read.home.root}"))
    place = next(path for path in (read.cache, *read.cache.parents) if path.exists())
    free = shutil.disk_usage(place).free / (1 << 30)
    level, cure = (
        ("ok", "")
        if free >= _ROOM
        else ("warn", f"Images need up to {_ROOM} GiB: free some, or set CLARY_CACHE.")
    )
    findings.append(_finding(level, "disk", f"{free:.0f} GiB free for {read.cache}", cure))
    return findings


def _runtime(read: Settings) -> list[dict[str, str]]:
    """Ask the runtime, in a process of its own: it probes by starting sandboxes."""
    process = subprocess.run(  # noqa: S603 - our own interpreter and module
        [sys.executable, "-m", "clary.runtime.doctor", str(read.home.root), str(read.cache)],
        capture_output=True,
        text=True,
        check=False,
    )
    if process.returncode:
        last = process.stderr.strip().splitlines()[-1:] or ["it said nothing"]
        return [
            _finding(
                "fail", "runtime", f"the probe failed: {last[0]}", "This is a bug in Clary: please report it."
            )
        ]
    findings: list[dict[str, str]] = json.loads(process.stdout)
    return findings


def _finding(level: str, what: str, found: str, cure: str = "") -> dict[str, str]:
    return {"level": level, "what": what, "found": found, "cure": cure}
