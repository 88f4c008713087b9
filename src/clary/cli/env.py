"""`clary env`: the exports that point unmodified AWS clients at the server."""

from __future__ import annotations

import json
import os
import shlex
from pathlib import Path

import click

from clary.cli.server import Server, administrator, home_option, need, settings
from clary.core.redirect_environment import client_environment, write_bundle


@click.command()
@home_option
@click.option("--json", "as_json", is_flag=True, help='Print JSON; a variable to empty has the value "".')
def command(home: Path | None, as_json: bool) -> None:
    """Print exports for a POSIX shell:

    \b
      eval "$(clary env)"
    """
    exports = variables(need(settings(home).home), dict(os.environ))
    if as_json:
        click.echo(json.dumps(exports, indent=2))
        return
    for name, value in exports.items():
        click.echo(f"export {name}={shlex.quote(value)}" if value else f"unset {name}")


def variables(server: Server, environ: dict[str, str]) -> dict[str, str]:
    """Return what a client of `server` needs in its environment, given the one it would have had."""
    bundle = write_bundle(server.home.keys / "ca.pem", server.home.keys / "bundle.pem", environ)
    told = {"port": server.port, "proxy_port": server.proxy_port}
    return client_environment(told, administrator(server.home), bundle, environ)
