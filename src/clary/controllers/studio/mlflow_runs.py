"""Runs of an MLflow server as trial components, in an experiment for each of MLflow's.

A run is told of when it begins and once more when it has ended. `_Followed` remembers how far that is: the
newest `Started` and `Ended` that are told of, never later than now, for clients say when a run began, and
which runs of the last while are `Done`. Every call names what it makes by the run, so that it may be made
twice. Why at all: ADR 26.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from datetime import UTC, datetime

from clary.controllers.means import Means
from clary.controllers.studio.mlflow_api import Client
from clary.controllers.studio.registering import AT_ONCE, group_of, said_of_it
from clary.core.document import Document
from clary.core.errors import ApiError
from clary.store.records import Record

LATE = 600_000  # ms that a client's clock may be behind another's
MOST_PARAMETERS, MOST_METRICS = 300, 300
SOURCE = "MlflowRun"
_STATUS = {"FINISHED": "Completed", "FAILED": "Failed", "KILLED": "Stopped"}
_MEMBERS = {"s": "start_time", "e": "end_time"}
_NOTHING: Document = {"start_time": 0, "end_time": 0, "Done": []}


def follow(means: Means, server: Record, client: Client) -> tuple[Document, bool]:
    """Tell of what began and what ended, oldest first; return how far that came and whether that is all.

    What the role may not do raises an ApiError.
    """
    before: Document = server.doc.get("_Followed", _NOTHING)
    names = _experiments(client)
    now = int(means.records.clock.now().timestamp() * 1000)
    after, done, told = dict(before), set(before["Done"]), 0
    for member in _MEMBERS.values():
        for run in _since(client, list(names), member, before[member] - LATE, done):
            if told >= AT_ONCE:
                break
            with said_of_it(
                means, server, f"The run {run['info']['run_id']} is not among the trial components"
            ):
                _tell(means, server, run, names[run["info"]["experiment_id"]])
            done.add(_key(run, member))
            after[member] = max(after[member], min(int(run["info"][member]), now))
            told += 1
    recent = sorted(key for key in done if _at(key) > after[_MEMBERS[key[0]]] - LATE)
    return {**after, "Done": recent}, told < AT_ONCE


def name_of(run: str) -> str:
    """Return what a run's component is called."""
    return f"mlflow-{run}"


def _experiments(client: Client) -> dict[str, str]:
    """Return the names of the experiments that are not deleted, by their ids."""
    found = client.pages(
        "experiments/search", "experiments", {"max_results": 1000, "view_type": "ACTIVE_ONLY"}
    )
    return {each["experiment_id"]: each["name"] for each in found}


def _since(
    client: Client, experiments: list[str], member: str, edge: int, done: set[str]
) -> Iterator[Document]:
    """Yield the runs that began or ended after a time and are not done, the oldest first."""
    asked: Document = {
        "experiment_ids": experiments, "filter": f"attributes.{member} > {max(edge, 0)}", "max_results": 100,
        "order_by": [f"attributes.{member} ASC"],
    }  # fmt: skip
    for run in client.pages("runs/search", "runs", asked) if experiments else ():
        if _key(run, member) not in done:
            yield run


def _key(run: Document, member: str) -> str:
    return f"{member[0]}/{run['info'][member]}/{run['info']['run_id']}"


def _at(key: str) -> int:
    return int(key.split("/")[1])


def _tell(means: Means, server: Record, run: Document, experiment: str) -> None:
    """Make a run's component, or bring it up to date, and have it be in its experiment."""
    info, data = run["info"], run.get("data", {})
    name = name_of(info["run_id"])
    request: Document = {
        "TrialComponentName": name,
        "Status": {"PrimaryStatus": _STATUS.get(info["status"], "InProgress")},
        "Parameters": {
            each["key"][:256]: _parameter(each["value"]) for each in data.get("params", ())[:MOST_PARAMETERS]
        },
        "OutputArtifacts": {"mlflow-artifacts": {"Value": info["artifact_uri"][:2048]}},
    }
    if shown := re.sub(r"[^a-zA-Z0-9]+", "-", info.get("run_name", "")).strip("-")[:120].rstrip("-"):
        request["DisplayName"] = shown
    for member, field in (("StartTime", "start_time"), ("EndTime", "end_time")):
        if field in info:
            request[member] = _time(info[field])
    source = {"SourceArn": server.arn, "SourceType": SOURCE}
    more = {"Source": source, "SourceKey": server.arn.lower(), "Metrics": _metrics(server, data)}
    _make(means, server, "TrialComponent", request, more)
    group = group_of(server, experiment)
    _ensure(means, server, "Experiment", {"ExperimentName": group}, {"Description": experiment[:3072]})
    _ensure(means, server, "Trial", {"TrialName": f"{group}-runs"}, {"ExperimentName": group})
    pair = {"TrialComponentName": name, "TrialName": f"{group}-runs"}
    means.call_as(server.doc["RoleArn"], server.region, "AssociateTrialComponent", pair, {})


def _make(means: Means, server: Record, kind: str, request: Document, more: Document) -> None:
    role, region = server.doc["RoleArn"], server.region
    try:
        means.call_as(role, region, f"Update{kind}", request, more)
    except ApiError as error:
        if error.code != "ResourceNotFound":
            raise
        means.call_as(role, region, f"Create{kind}", request, more)


def _ensure(means: Means, server: Record, kind: str, named: Document, more: Document) -> None:
    role, region = server.doc["RoleArn"], server.region
    try:
        means.call_as(role, region, f"Describe{kind}", named, {})
    except ApiError as error:
        if error.code != "ResourceNotFound":
            raise
        means.call_as(role, region, f"Create{kind}", {**named, **more}, {})


def _parameter(value: str) -> Document:
    """Return a parameter as a number where it is one: so they are compared."""
    try:
        number = float(value)
    except ValueError:
        number = math.nan
    return {"NumberValue": number} if math.isfinite(number) else {"StringValue": value[:2500]}


def _metrics(server: Record, data: Document) -> list[Document]:
    """Return what MLflow tells of a run's metrics with the run itself: the last point of each."""
    return [
        {"MetricName": each["key"][:255], "SourceArn": server.arn, "TimeStamp": _time(each["timestamp"]),
         "Last": float(each["value"])}
        for each in data.get("metrics", ())[:MOST_METRICS]
        if isinstance(each.get("value"), int | float) and math.isfinite(each["value"])
    ]  # fmt: skip


def _time(millis: int | str) -> datetime:
    return datetime.fromtimestamp(int(millis) / 1000, UTC)
