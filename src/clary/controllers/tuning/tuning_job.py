"""The life of a tuning job: a plain decision, and the few effects it asks for."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from clary.controllers.step import AT_ONCE, Step
from clary.core.document import Document
from clary.engines.tuning import strategy
from clary.engines.tuning.trial_request import trial_name
from clary.engines.tuning.trials import (
    ENDED,
    best,
    counters,
    definitions,
    running,
    seen,
    value_of,
)
from clary.store.records import Record

DONE = frozenset({"Completed", "Failed", "Stopped"})
LOOKS = timedelta(seconds=1)  # Between looks while trials run; the end of one is told at once.
ATTEMPTS = 5  # evidence/tuning-jobs.md
LONGEST_REASON = 1024  # FailureReason's own limit.

Live = Mapping[str, Document | None]
"""The training job of every trial that had not ended, by name; None for one that is not there."""


@dataclass(frozen=True, kw_only=True)
class World:
    """What is the case outside the record. It is asked each time, never remembered."""

    live: Live = field(default_factory=dict)


def next_step(job: Record, world: World, now: datetime) -> Step:
    """Decide what happens to a tuning job next."""
    if job.status in DONE:
        return Step(again=None)
    doc = job.doc
    trials = _taken_in(doc, world.live)
    write: Document = {}
    if trials != doc.get("_Trials", []):
        write = _told(doc, trials, now)
    ending = doc.get("_Ending") or _ending(job, trials, now)
    if ending:
        return _wind_up(doc, ending, trials, world.live, write, now)
    config = doc["HyperParameterTuningJobConfig"]
    busy = running(trials)
    if len(busy) < config["ResourceLimits"]["MaxParallelTrainingJobs"] and len(trials) < strategy.limit(doc):
        found = strategy.propose(doc, seed_of(job), trials)
        if found is not None:
            trials = [*trials, _new(job, len(trials) + 1, *found, now)]
            name = trials[-1]["TrainingJobName"]
            return Step(effect="create", target=name, write=_told(doc, trials, now), again=AT_ONCE)
    if not busy:
        return _finish(doc, {"Status": "Completed"}, trials, now)
    return Step(write=write, again=LOOKS)


def seed_of(job: Record) -> str:
    """Return what the draws of a tuning job follow from."""
    return str(job.doc["HyperParameterTuningJobConfig"].get("RandomSeed", job.uid))


def _taken_in(doc: Document, live: Live) -> list[Document]:
    wanted = definitions(doc)
    return [
        seen(trial, live[trial["TrainingJobName"]], wanted[trial["_Definition"]]["TuningObjective"])
        if trial["TrainingJobName"] in live
        else trial
        for trial in doc.get("_Trials", [])
    ]


def _new(job: Record, number: int, index: int, tuned: Document, now: datetime) -> Document:
    definition = definitions(job.doc)[index]
    name = trial_name(job.name, job.uid, number)
    trial: Document = {
        "TrainingJobName": name,
        "TrainingJobArn": f"{job.arn.rsplit(':', 1)[0]}:training-job/{name}",
        "CreationTime": now,
        "TrainingJobStatus": "InProgress",
        "TunedHyperParameters": tuned,
        "ObjectiveStatus": "Pending",
        "_Number": number,
        "_Definition": index,
    }
    if "DefinitionName" in definition:
        trial["TrainingJobDefinitionName"] = definition["DefinitionName"]
    return trial


def _ending(job: Record, trials: Sequence[Document], now: datetime) -> Document | None:
    """Return how and why the job ends now, though it has trials left to make."""
    doc = job.doc
    if job.status == "Stopping":
        return {"Status": "Stopped"}
    ended = [trial for trial in trials if trial["TrainingJobStatus"] in ENDED]
    enough = min(ATTEMPTS, strategy.limit(doc))
    if len(ended) >= enough and not any(value_of(trial) is not None for trial in ended):
        return {"Status": "Failed", "Reason": _no_success(ended)}
    limits = doc["HyperParameterTuningJobConfig"]["ResourceLimits"]
    longest = limits.get("MaxRuntimeInSeconds")
    if longest is not None and now - doc["CreationTime"] > timedelta(seconds=longest):
        return {"Status": "Completed"}
    return None


def _no_success(ended: Sequence[Document]) -> str:
    """Say in AWS's words that nothing came of the first trials, and add what the last one said."""
    failed = [trial for trial in ended if trial["TrainingJobStatus"] == "Failed"]
    if not failed:
        return (
            f"No objective metrics found after running {len(ended)} training jobs. Please ensure that the "
            "custom algorithm is emitting the objective metric as defined by the regular expression provided."
        )
    last = failed[-1]
    reason = (
        f"No training job succeeded after {len(ended)} attempts. Please take a look at the training job "
        f"failures to get more details. {last['TrainingJobName']}: {last.get('FailureReason', '')}"
    )
    return reason[:LONGEST_REASON]


def _wind_up(
    doc: Document, ending: Document, trials: list[Document], live: Live, write: Document, now: datetime
) -> Step:
    """Stop what still runs, one a step, and then end."""
    if "_Ending" not in doc:
        write = {**write, "_Ending": ending}
    for trial in running(trials):
        job = live.get(trial["TrainingJobName"])
        if job is not None and job["TrainingJobStatus"] == "InProgress":
            return Step(effect="stop", target=trial["TrainingJobName"], write=write, again=AT_ONCE)
    if running(trials):
        return Step(write=write, again=LOOKS)
    return _finish(doc, ending, trials, now)


def _finish(doc: Document, ending: Document, trials: list[Document], now: datetime) -> Step:
    write = _told(doc, trials, now) | {
        "HyperParameterTuningJobStatus": ending["Status"],
        "HyperParameterTuningEndTime": now,
    }
    if ending.get("Reason"):
        write["FailureReason"] = ending["Reason"]
    return Step(write=write, again=None)


def _told(doc: Document, trials: list[Document], now: datetime) -> Document:
    """Return the members that say how the trials stand."""
    seconds = max(1, math.ceil((now - doc["CreationTime"]).total_seconds()))
    write = {
        "_Trials": trials,
        **counters(trials),
        "ConsumedResources": {"RuntimeInSeconds": seconds},
    }
    if found := best(trials):
        write["BestTrainingJob"] = found
    return write
