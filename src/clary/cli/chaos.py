"""`clary chaos`: faults on demand, the same ones again with the same seed."""

from __future__ import annotations

import math
import random
import re
from collections.abc import Sequence
from pathlib import Path

import click

from clary.cli.jobs import of_all_accounts
from clary.cli.server import home_option, need, settings
from clary.core import reclaim, wake

_RUNNING = ("Downloading", "Training")


@click.command()
@click.argument("fault")
@click.option("--seed", default=0, show_default=True, help="Choose the same jobs again with the same seed.")
@home_option
def command(fault: str, seed: int, home: Path | None) -> None:
    """Take capacity back from running spot training jobs: FAULT is spot (all of them) or, say, spot@50%.

    Jobs of all accounts may be chosen. Each has two minutes from SIGTERM to SIGKILL, as on AWS; its
    checkpoints go to S3, and it goes on from them when there is capacity again. Exit code 3: no server is
    running.
    """
    share = _share(fault)
    server = need(settings(home).home)
    found = [
        (jobs.named(job["TrainingJobName"]), job["TrainingJobArn"])
        for jobs in of_all_accounts(server, "left alone")
        for job in jobs.running()
        if job["EnableManagedSpotTraining"] and job["SecondaryStatus"] in _RUNNING
    ]
    arns = dict(found)
    for name in choose(list(arns), share, seed):
        reclaim.ask(server.home, arns[name])
        click.echo(f"{name}: its capacity is taken back; SIGTERM now, SIGKILL after two minutes")
    wake.send(server.home.run / "wake.sock")
    if not arns:
        click.echo("no training job runs on spot capacity (EnableManagedSpotTraining)")


def choose(names: Sequence[str], share: float, seed: int) -> list[str]:
    """Return which of the jobs lose their capacity: that share of them, rounded up."""
    order = sorted(names)
    picked = random.Random(seed).sample(order, math.ceil(len(order) * share))  # noqa: S311 - repeatable
    return sorted(picked)


def _share(fault: str) -> float:
    match = re.fullmatch(r"spot(?:@(\d{1,3})%)?", fault)
    percent = int(match[1] or 100) if match else 0
    if not 0 < percent <= 100:
        raise click.UsageError(
            f"{fault!r} is no fault that can be had; there is spot, and spot@1% to spot@100%."
        )
    return percent / 100
