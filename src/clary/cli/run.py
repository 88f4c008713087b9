"""`clary run -- CMD`: one command with AWS clients pointed at the server."""

from __future__ import annotations

import os
from pathlib import Path

import click

from clary.cli.env import variables
from clary.cli.server import home_option, need, settings


class NotRun(click.ClickException):
    """The command could not be started; the exit code is the one a shell would give."""

    def __init__(self, message: str, code: int) -> None:
        super().__init__(message)
        self.exit_code = code  # type: ignore[misc]  # click reads it from the instance


@click.command(context_settings={"ignore_unknown_options": True, "allow_interspersed_args": False})
@home_option
@click.argument("words", nargs=-1, required=True, type=click.UNPROCESSED, metavar="-- CMD [ARG]...")
def command(home: Path | None, words: tuple[str, ...]) -> None:
    """Run CMD so that its AWS calls arrive at the server; every other host is reached as before.

    The exit code is CMD's own; 127 when there is no such command.
    """
    server = need(settings(home).home)
    exports = variables(server, dict(os.environ))
    environment = {**os.environ, **exports}
    for name, value in exports.items():
        if not value:
            environment.pop(name, None)
    try:
        os.execvpe(words[0], list(words), environment)  # noqa: S606 - the user's own command, no shell
    except FileNotFoundError as error:
        raise NotRun(f"There is no command {words[0]!r} on the PATH.", 127) from error
    except OSError as error:
        raise NotRun(f"{words[0]!r} cannot be run: {error.strerror}.", 126) from error
