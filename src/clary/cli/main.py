"""The `clary` command; a subcommand's module is imported only when it is used, so that help stays quick."""

from __future__ import annotations

import importlib

import click

import clary

_COMMANDS = {
    "up": ("clary.cli.up", "Start the server."),
    "down": ("clary.cli.down", "Stop the server and what it runs."),
    "restart": ("clary.cli.restart", "Replace the server's processes without losing a call."),
    "status": ("clary.cli.status", "Show the server, its jobs and its endpoints."),
    "env": ("clary.cli.env", "Print the exports that point AWS clients here."),
    "run": ("clary.cli.run", "Run one command with AWS clients pointed here."),
    "account": ("clary.cli.account", "Make, list and delete accounts, and make their keys."),
    "image": ("clary.cli.image", "Make, list and remove images of your own."),
    "logs": ("clary.cli.logs", "Print or follow the log of a job or an endpoint."),
    "pipeline": ("clary.cli.pipeline", "Print an execution's steps, and why each ran, was reused or failed."),
    "lineage": ("clary.cli.lineage", "Print what led to a model or endpoint, and what it led to."),
    "attach": ("clary.cli.attach", "Open a shell, or run a command, inside a running training job."),
    "chaos": ("clary.cli.chaos", "Take capacity back from spot jobs, to see whether they go on."),
    "demo": ("clary.cli.demo.command", "Train, deploy and predict with the SageMaker SDK."),
    "doctor": ("clary.cli.doctor", "Say what this machine can isolate, and what is missing."),
}


class _Commands(click.Group):
    """A group that knows its commands' names and help without importing them."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in _COMMANDS:
            return None
        command = importlib.import_module(_COMMANDS[cmd_name][0]).command
        assert isinstance(command, click.Command)  # noqa: S101 - a programming error in the table above
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, text) for name, (_, text) in _COMMANDS.items()])


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(clary.__version__, prog_name="clary")
def main() -> None:
    """Clary: the open, self-hosted SageMaker.

    Unmodified boto3, AWS CLI and SageMaker SDK code runs against it, and it really executes.

    \b
    Begin with:
      clary demo                     train, deploy and predict, end to end
      clary up                       start a server in this terminal
      clary run -- python train.py   run your script against it

    Exit codes: 0 done, 1 it failed, 2 wrong usage, 3 no server is running.
    """


if __name__ == "__main__":
    main()
