"""Profiles in the files that AWS clients read: `~/.aws/credentials` and `~/.aws/config`."""

from __future__ import annotations

import configparser
import os
from collections.abc import Mapping
from pathlib import Path

import click


def check_profile(name: str | None) -> None:
    """End the command when there is a profile of that name: nothing is overwritten."""
    for path, section in _places(name) if name is not None else ():
        if section in _sections(path):
            raise click.ClickException(f"{path} has a profile {name} already; take another name.")


def write_profile(name: str, key: Mapping[str, str]) -> list[str]:
    """Add a profile to both files and return their names."""
    (credentials, _), (config, section) = _places(name)
    secret = {"aws_access_key_id": key["AccessKeyId"], "aws_secret_access_key": key["SecretAccessKey"]}
    _append(credentials, name, secret)
    _append(config, section, {"region": key["Region"], "endpoint_url": key["EndpointUrl"]})
    return [str(credentials), str(config)]


def _places(name: str) -> tuple[tuple[Path, str], tuple[Path, str]]:
    """Return the two files, and what a profile's section is called in each."""
    return (
        (_file("AWS_SHARED_CREDENTIALS_FILE", "credentials"), name),
        (_file("AWS_CONFIG_FILE", "config"), name if name == "default" else f"profile {name}"),
    )


def _file(variable: str, name: str) -> Path:
    told = os.environ.get(variable)
    return Path(told).expanduser() if told else Path.home() / ".aws" / name


def _sections(path: Path) -> list[str]:
    parser = configparser.RawConfigParser(strict=False)
    try:
        parser.read(path)
    except configparser.Error as error:
        raise click.ClickException(f"{path} cannot be read: {error}") from error
    return parser.sections()


def _append(path: Path, section: str, members: Mapping[str, str]) -> None:
    """Write behind what is there, readable by its owner alone when the file is new."""
    path.parent.mkdir(parents=True, exist_ok=True)
    present = path.read_text() if path.exists() else ""
    lines = [f"[{section}]", *(f"{name} = {value}" for name, value in members.items())]
    between = "" if not present else "\n" if present.endswith("\n") else "\n\n"
    handle = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    with os.fdopen(handle, "w") as file:
        file.write(between + "\n".join(lines) + "\n")
