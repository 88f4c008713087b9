"""`clary logs`: what a job or an endpoint printed."""

from __future__ import annotations

import time
from pathlib import Path

import click
from botocore.exceptions import ClientError

from clary.cli.server import Client, client, home_option, need, settings

_KINDS = ("training", "processing", "transform")
_GROUPS = {f"/aws/sagemaker/{kind.capitalize()}Jobs": kind for kind in _KINDS}
_ENDED = {"Completed", "Failed", "Stopped"}
_ABSENT = ("ResourceNotFound", "ResourceNotFoundException", "ValidationException")
_PAUSE = 0.3  # seconds between two looks of --follow


@click.command()
@click.argument("name")
@click.option(
    "--follow", "-f", is_flag=True, help="Keep printing until the job ends (an endpoint: until Ctrl-C)."
)
@home_option
def command(name: str, follow: bool, home: Path | None) -> None:
    """Print the log of the job or endpoint NAME."""
    server = need(settings(home).home)
    logs, sagemaker = client(server, "logs"), client(server, "sagemaker")
    group, prefix = _place(logs, sagemaker, name)
    tokens: dict[str, str] = {}
    try:
        while True:
            ended = not follow or _ended(sagemaker, group, name)
            _print_new(logs, group, prefix, tokens)
            if ended:
                return
            time.sleep(_PAUSE)
    except KeyboardInterrupt:
        return


def _place(logs: Client, sagemaker: Client, name: str) -> tuple[str, str]:
    """Return the log group of `name` and the prefix of its streams."""
    endpoint = f"/aws/sagemaker/Endpoints/{name}"
    found = logs.describe_log_groups(logGroupNamePrefix=endpoint)["logGroups"]
    if any(group["logGroupName"] == endpoint for group in found):
        return endpoint, ""
    for group in _GROUPS:
        try:
            if logs.describe_log_streams(logGroupName=group, logStreamNamePrefix=f"{name}/")["logStreams"]:
                return group, f"{name}/"
        except ClientError as error:
            _need_absence(error)
    for group in _GROUPS:  # one that has not printed anything yet
        if _status(sagemaker, group, name):
            return group, f"{name}/"
    raise click.ClickException(f"There is no job or endpoint called {name}; clary status lists them.")


def _print_new(logs: Client, group: str, prefix: str, tokens: dict[str, str]) -> None:
    asked = {"logStreamNamePrefix": prefix} if prefix else {}
    try:
        streams = logs.describe_log_streams(logGroupName=group, **asked)["logStreams"]
    except ClientError as error:
        _need_absence(error)
        return  # the job has not printed anything yet
    for stream in sorted(one["logStreamName"] for one in streams):
        while True:
            token = {"nextToken": tokens[stream]} if stream in tokens else {}
            page = logs.get_log_events(logGroupName=group, logStreamName=stream, startFromHead=True, **token)
            for event in page["events"]:
                click.echo(event["message"])
            if tokens.get(stream) == page["nextForwardToken"]:
                break
            tokens[stream] = page["nextForwardToken"]


def _ended(sagemaker: Client, group: str, name: str) -> bool:
    return group in _GROUPS and _status(sagemaker, group, name) in {"", *_ENDED}


def _status(sagemaker: Client, group: str, name: str) -> str:
    """Return the status of the job whose log is in a group, or nothing where there is none of that name."""
    kind = _GROUPS[group]
    member = f"{kind.capitalize()}Job"
    try:
        told = getattr(sagemaker, f"describe_{kind}_job")(**{f"{member}Name": name})
    except ClientError as error:
        _need_absence(error)
        return ""
    status: str = told[f"{member}Status"]
    return status


def _need_absence(error: ClientError) -> None:
    """Raise an error that says anything but that there is none of a name."""
    if error.response["Error"]["Code"] not in _ABSENT:
        raise error
