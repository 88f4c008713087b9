"""`clary status`: the server, its jobs and its endpoints at a glance."""

from __future__ import annotations

import json
from pathlib import Path

import click

from clary.cli.server import client, console, home_option, need, settings

_COLOURS = {"Completed": "green", "InService": "green", "Failed": "red", "Stopped": "yellow"}


@click.command()
@home_option
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def command(home: Path | None, as_json: bool) -> None:
    """Show the server, its newest training jobs and its endpoints. Exit code 3: no server is running."""
    server = need(settings(home).home)
    sagemaker = client(server, "sagemaker")
    jobs = sagemaker.list_training_jobs(MaxResults=10)["TrainingJobSummaries"]
    endpoints = sagemaker.list_endpoints(MaxResults=50)["Endpoints"]
    if as_json:
        told = {
            "url": server.url,
            "pid": server.pid,
            "home": str(server.home.root),
            "account": server.account,
            "region": server.region,
            "training_jobs": {job["TrainingJobName"]: job["TrainingJobStatus"] for job in jobs},
            "endpoints": {one["EndpointName"]: one["EndpointStatus"] for one in endpoints},
        }
        click.echo(json.dumps(told, indent=2))
        return
    out = console()
    out.print(
        f"[bold]Clary[/] at [bold]{server.url}[/], pid {server.pid}, home {server.home.root}", soft_wrap=True
    )
    for title, names in (
        ("Training jobs", [(job["TrainingJobName"], job["TrainingJobStatus"]) for job in jobs]),
        ("Endpoints", [(one["EndpointName"], one["EndpointStatus"]) for one in endpoints]),
    ):
        out.print(f"\n[bold]{title}[/]")
        for name, status in names:
            out.print(f"  [{_COLOURS.get(status, 'cyan')}]{status:<12}[/] {name}", soft_wrap=True)
        if not names:
            out.print("  none yet")
