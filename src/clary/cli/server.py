"""Finding the server of a home: its files, its address, a client for it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from clary.core.settings import Home, Settings

if TYPE_CHECKING:
    from rich.console import Console

NO_SERVER = 3
Client = Any  # botocore makes a client's methods when the program runs
F = TypeVar("F", bound=Callable[..., object])


class NoServer(click.ClickException):
    """No server answers for this home."""

    exit_code = NO_SERVER


@dataclass(frozen=True, kw_only=True)
class Server:
    """A running server as its `server.json` describes it."""

    pid: int
    port: int
    proxy_port: int
    region: str
    account: str
    home: Home

    @property
    def url(self) -> str:
        """The address of the gateway."""
        return f"http://127.0.0.1:{self.port}"


def home_option(function: F) -> F:
    """Add `--home DIR` to a command."""
    return click.option(
        "--home",
        type=click.Path(path_type=Path, file_okay=False),
        metavar="DIR",
        help="State directory; one server each. Default: $CLARY_HOME or ~/.clary.",
    )(function)


def settings(home: Path | None) -> Settings:
    """Read the settings from the environment, with `--home` in front."""
    try:
        read = Settings.from_environment(os.environ)
    except ValueError as error:
        raise click.ClickException(f"A CLARY_* variable cannot be read: {error}") from error
    return replace(read, home=Home(home.absolute())) if home else read


def find(home: Home) -> Server | None:
    """Return the server of `home` if its process is alive."""
    try:
        told = json.loads((home.run / "server.json").read_text())
        os.kill(told["pid"], 0)
    except (OSError, ValueError, KeyError):
        return None
    fields = {name: told[name] for name in ("pid", "port", "proxy_port", "region", "account")}
    return Server(**fields, home=home)


def need(home: Home) -> Server:
    """Return the running server, or end the command saying how to start one."""
    server = find(home)
    if server is None:
        flag = "" if home == Settings.from_environment(os.environ).home else f" --home {home.root}"
        raise NoServer(f"No server is running for {home.root}. Start one: clary up{flag} --detach")
    return server


def client(server: Server, service: str, keys: dict[str, str] | None = None) -> Client:
    """Return a boto3 client of the local administrator, or of other keys in the form STS answers them."""
    import boto3
    from botocore.config import Config

    keys = keys or administrator(server.home)
    make: Client = boto3.client
    return make(
        service,
        endpoint_url=server.url,
        region_name=server.region,
        aws_access_key_id=keys["AccessKeyId"],
        aws_secret_access_key=keys["SecretAccessKey"],
        aws_session_token=keys.get("SessionToken"),
        config=Config(retries={"max_attempts": 3, "mode": "standard"}, proxies={}),
    )


def administrator(home: Home) -> dict[str, str]:
    """Read the local administrator's key."""
    path = home.keys / "administrator.json"
    try:
        keys: dict[str, str] = json.loads(path.read_text())
    except OSError as error:
        raise click.ClickException(f"Cannot read the administrator's key: {error}") from error
    return keys


def end_containers(home: Home) -> None:
    """End every container of a home whose server has stopped."""
    line = [sys.executable, "-m", "clary.runtime.end", str(home.root)]
    done = subprocess.run(line, capture_output=True, text=True, check=False)  # noqa: S603 - our own module
    if done.returncode:
        told = done.stderr.strip().splitlines()[-1:] or ["it said nothing"]
        raise click.ClickException(f"Not every container of {home.root} could be ended: {told[0]}")


def console() -> Console:
    """Return a rich console on standard output; plain when that is not a terminal or NO_COLOR is set."""
    from rich.console import Console

    return Console(highlight=False, soft_wrap=not sys.stdout.isatty())
