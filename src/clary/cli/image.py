"""`clary image`: images of one's own, made from a folder and run without a container engine."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import click

from clary.cli.server import console, home_option, settings

_PROGRESS = ("building", "built", "locking")
_UNITS = ("B", "KiB", "MiB", "GiB")
as_json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON.")


@click.group()
def command() -> None:
    """Images of your own: a folder with an image.toml, and no container engine.

    \b
    The least that an image.toml says:
      name = "my-image"
      requirements = "requirements.in"
      [programs]
      train = ["python", "/opt/image/train.py"]

    The folder is shown to the program at /opt/image. docs/guide-images.md has all keys.
    """


@command.command()
@click.argument("folder", type=click.Path(path_type=Path, exists=True, file_okay=False))
@as_json_option
@home_option
def build(folder: Path, as_json: bool, home: Path | None) -> None:
    """Make the image of FOLDER, or make it anew.

    Its image.toml is checked, its requirements are locked and installed into an environment, and the whole
    is put under the home. Prints the URI to give as TrainingImage or as a container's Image. A running server
    has the image at once; jobs that run go on with what they started with.
    """
    made = _ask(home, "build", str(folder.absolute()), show=True)
    if as_json:
        click.echo(json.dumps(made, indent=2))
        return
    click.echo(f"Built {made['name']} ({_size(made['bytes'])}). Use it as any of:")
    for uri in dict.fromkeys([made["uri"], *made["repositories"]]):
        click.echo(f"  {uri}")


@command.command("list")
@as_json_option
@home_option
def list_(as_json: bool, home: Path | None) -> None:
    """List the images of this machine: your own, Clary's, and those of podman or docker."""
    found = _ask(home, "list")
    if as_json:
        click.echo(json.dumps(found, indent=2))
        return
    from rich.table import Table

    table = Table(box=None, pad_edge=False)
    for title in ("Name", "Source", "Size", "Built", "Repositories"):
        table.add_column(title, overflow="fold")
    for each in found:
        when = each["built"].replace("T", " ")[:16] if each["built"] else each["state"]
        size = _size(each["bytes"]) if each["bytes"] else ""
        table.add_row(each["name"], each["source"], size, when, ", ".join(each["repositories"]))
    console().print(table)


@command.command()
@click.argument("name")
@as_json_option
@home_option
def show(name: str, as_json: bool, home: Path | None) -> None:
    """Show one image: its URI, programs, Python, environment, and where it was made from."""
    matching = [each for each in _ask(home, "list") if name in (each["name"], *each["repositories"])]
    if not matching:
        raise click.ClickException(f"There is no image {name!r}. `clary image list` shows what there is.")
    if as_json:
        click.echo(json.dumps(matching[0], indent=2))
        return
    for key, value in matching[0].items():
        if value not in (None, "", [], {}):
            click.echo(f"{key.replace('_', ' '):<14}{_words(key, value)}")


@command.command()
@click.argument("name")
@click.option(
    "--force", is_flag=True, help="Remove it though runs use it; they go on, but cannot start again."
)
@click.option("--yes", "-y", is_flag=True, help="Do not ask.")
@home_option
def rm(name: str, force: bool, yes: bool, home: Path | None) -> None:
    """Remove the own image NAME.

    The last one removed of a name is kept aside, and what is printed brings it back. The installed packages
    stay in the cache, which other images and homes may share.
    """
    if not yes and sys.stdin.isatty() and _ask(home, "users", name) is not None:
        click.confirm(
            f"Remove the image {name}? Models that name it cannot be deployed after that", abort=True
        )
    undo = _ask(home, "rm", name, *(["--force"] if force else []))["undo"]
    click.echo(f"Removed {name}. To have it back: clary image build {undo}")


def _ask(home: Path | None, *words: str, show: bool = False) -> Any:  # JSON
    """Ask the runtime, in a process of its own; with `show`, print what it says on the way."""
    verb, *rest = words
    root = settings(home).home.root
    with tempfile.TemporaryFile("w+") as answer:  # a pipe would be full before the other one has ended
        process = subprocess.Popen(  # noqa: S603 - our own interpreter and module
            [sys.executable, "-m", "clary.runtime.image_command", verb, str(root), *rest],
            stdout=answer,
            stderr=subprocess.PIPE,
            text=True,
        )
        told = _followed(process, show=show)
        if process.wait():
            reason = "\n".join(line for line in told if not line.startswith(_PROGRESS))
            raise click.ClickException(reason or "it said nothing")
        answer.seek(0)
        return json.load(answer)


def _followed(process: subprocess.Popen[str], *, show: bool) -> list[str]:
    """Return the lines of standard error; with `show`, print those of progress as they come."""
    told = []
    on_terminal = show and sys.stderr.isatty()
    for line in process.stderr or ():
        told.append(line.rstrip("\n"))
        if on_terminal:
            click.echo(f"\r\x1b[K{told[-1][:100]}", err=True, nl=False)
        elif show and line.startswith(_PROGRESS):
            click.echo(told[-1], err=True)
    if on_terminal:
        click.echo("\r\x1b[K", err=True, nl=False)
    return told


def _size(count: float) -> str:
    for unit in _UNITS:
        if count < 1024 or unit == _UNITS[-1]:
            return f"{count:.0f} {unit}"
        count /= 1024
    raise AssertionError("the last unit takes everything")


def _words(key: str, value: object) -> str:
    if key == "bytes" and isinstance(value, int):
        return _size(value)
    if isinstance(value, dict):
        return "; ".join(f"{name}: {' '.join(command)}" for name, command in value.items())
    return ", ".join(value) if isinstance(value, list) else str(value)
