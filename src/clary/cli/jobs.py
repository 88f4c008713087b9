"""The training and processing jobs that run on a server, of all its accounts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import click

from clary.cli.account import access, accounts
from clary.cli.server import Client, Server, client

Job = Mapping[str, Any]
"""A training job as Search answers it, which is as Describe does."""


@dataclass(frozen=True)
class Jobs:
    """The jobs of one account."""

    account: str
    sagemaker: Client
    own: bool

    def named(self, job: str) -> str:
        """Return what to call a job before the administrator of the server's own account."""
        return job if self.own else f"{job} (account {self.account})"

    def unfinished(self) -> list[tuple[str, str]]:
        """Return kind and name of every training and processing job that has not ended."""
        pages = [
            page
            for status in ("InProgress", "Stopping")
            for page in self.sagemaker.get_paginator("list_processing_jobs").paginate(StatusEquals=status)
        ]
        found = [("training", job["TrainingJobName"]) for job in self.running()]
        found += [
            ("processing", job["ProcessingJobName"])
            for page in pages
            for job in page["ProcessingJobSummaries"]
        ]
        return found

    def stop(self, kind: str, name: str) -> None:
        """Ask one job to stop."""
        getattr(self.sagemaker, f"stop_{kind}_job")(**{f"{kind.capitalize()}JobName": name})

    def running(self) -> list[Job]:
        """Return the training jobs that have not ended."""
        # A List with StatusEquals thins out pages already cut, and would page through every job there was.
        wanted = {"Name": "TrainingJobStatus", "Operator": "In", "Value": "InProgress,Stopping"}
        pages = self.sagemaker.get_paginator("search").paginate(
            Resource="TrainingJob", SearchExpression={"Filters": [wanted]}
        )
        return [found["TrainingJob"] for page in pages for found in page["Results"]]


def of_all_accounts(server: Server, left_out: str) -> list[Jobs]:
    """Return the jobs of each open account, the server's own first.

    `left_out` ends the sentence about an account whose access role is gone or changed: its jobs are ...
    """
    found = [Jobs(server.account, client(server, "sagemaker"), own=True)]
    for one in accounts(server):
        if one["Status"] != "ACTIVE" or one["Id"] == server.account:
            continue
        try:
            keys = access(server, one["Id"])
        except click.ClickException as error:
            click.echo(f"Jobs of the account {one['Id']} are {left_out}: {error.message}", err=True)
        else:
            found.append(Jobs(one["Id"], client(server, "sagemaker", keys), own=False))
    return found
