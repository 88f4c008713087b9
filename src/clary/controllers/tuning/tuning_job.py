"""The life of a tuning job: a plain decision, and the few effects it asks for."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from clary.controllers.step import AT_ONCE, Step
from clary.core.document import Document
from clary.engines.tuning import strategy
from clary.engines.tuning.completion import complete, converged, not_improving
from clary.engines.tuning.early_stopping import hopeless, steps_of
from clary.engines.tuning.marks import marks
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
from clary.engines.tuning.warm_start import IDENTICAL
from clary.store.records import Record

DONE = frozenset({"Completed", "Failed", "Stopped"})
LOOKS = timedelta(seconds=1)  # Between looks while trials run; the end of one is told at once.
ATTEMPTS = 5  # evidence/tuning-jobs.md
LONGEST_REASON = 1024  # FailureReason's own limit.

Live = Mapping[str, Document | None]
"""The training job of every trial that had not ended, by name; None for one that is not there."""


@dataclass(frozen=True, kw_only=True)
class World:
    """What is the case outside the record. It is asked each time, never remembered.

    `series` are the objective's values of those trials so far, where trials may be stopped early; `made` is
    the training job of the number that comes next, there already if a step was cut short after creating it.
    """

    live: Live = field(default_factory=dict)
    series: Mapping[str, Sequence[float]] = field(default_factory=dict)
    made: Document | None = None


def next_step(job: Record, world: World, now: datetime) -> Step:
    """Decide what happens to a tuning job next."""
    if job.status in DONE:
        return Step(again=None)
    doc = job.doc
    trials = _taken_in(doc, world)
    if world.made:
        trials.append(_adopted(job, len(trials) + 1, world.made))
        return Step(write=standing(doc, trials, now), again=AT_ONCE)
    write: Document = {}
    if trials != doc.get("_Trials", []):
        write = standing(doc, trials, now)
    ending = doc.get("_Ending") or _ending(job, trials, now)
    if ending:
        return _wind_up(doc, ending, trials, world, write, now)
    if stopped := next((trial for trial in _stoppable(trials, world) if hopeless(doc, trial, trials)), None):
        name = stopped["TrainingJobName"]
        return Step(effect="stop", target=name, write=write, again=LOOKS)
    config = doc["HyperParameterTuningJobConfig"]
    busy = running(trials)
    room = len(busy) < config["ResourceLimits"]["MaxParallelTrainingJobs"] and not (busy and _full(doc, now))
    if room and len(trials) < strategy.limit(doc):
        found = strategy.propose(doc, seed_of(job), trials)
        if found is not None:
            trials = [*trials, _new(job, len(trials) + 1, *found, now)]
            name = trials[-1]["TrainingJobName"]
            return Step(effect="create", target=name, write=standing(doc, trials, now), again=AT_ONCE)
    if not busy:
        return _finish(doc, {"Status": "Completed"}, trials, now)
    return Step(write=write, again=LOOKS)


def seed_of(job: Record) -> str:
    """Return what the draws of a tuning job follow from."""
    return str(job.doc["HyperParameterTuningJobConfig"].get("RandomSeed", job.uid))


def standing(doc: Document, trials: list[Document], now: datetime) -> Document:
    """Return the members that say how the trials stand."""
    seconds = max(1, math.ceil((now - doc["CreationTime"]).total_seconds()))
    write = {
        "_Trials": trials,
        **counters(trials),
        "ConsumedResources": {"RuntimeInSeconds": seconds},
    }
    details: Document = {"NumberOfTrainingJobsObjectiveNotImproving": not_improving(trials)}
    if converged(trials):
        before = doc.get("TuningJobCompletionDetails", {})
        details["ConvergenceDetectedTime"] = before.get("ConvergenceDetectedTime", now)
    write["TuningJobCompletionDetails"] = details
    if found := best(trials):
        write["BestTrainingJob"] = found
    if doc.get("WarmStartConfig", {}).get("WarmStartType") == IDENTICAL:
        overall = best(each for each in (doc.get("_InheritedBest"), found) if each)
        if overall:
            write["OverallBestTrainingJob"] = overall
    return write


def _full(doc: Document, now: datetime) -> bool:
    """Say whether quotas left no room for another training job a moment ago."""
    return "_Full" in doc and now - doc["_Full"] < LOOKS


def _taken_in(doc: Document, world: World) -> list[Document]:
    wanted, trials = definitions(doc), []
    for trial in doc.get("_Trials", []):
        name, definition = trial["TrainingJobName"], wanted[trial["_Definition"]]
        told = seen(trial, world.live[name], definition["TuningObjective"]) if name in world.live else trial
        if passed := marks(world.series.get(name, ()), steps_of(doc, trial)):
            told = {**told, "_Marks": passed}
        trials.append(told)
    return trials


def _stoppable(trials: Sequence[Document], world: World) -> list[Document]:
    """Return the trials that run and have not been told to stop."""
    live = ((trial, world.live.get(trial["TrainingJobName"])) for trial in running(trials))
    return [trial for trial, job in live if job is not None and job["TrainingJobStatus"] == "InProgress"]


def next_name(job: Record) -> str:
    """Name the trial that comes next."""
    return trial_name(job.name, job.uid, len(job.doc.get("_Trials", ())) + 1)


def _adopted(job: Record, number: int, made: Document) -> Document:
    return _new(job, number, made["_Definition"], made["_Tuned"], made["CreationTime"])


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
    late = longest is not None and now - doc["CreationTime"] > timedelta(seconds=longest)
    if late or complete(doc["HyperParameterTuningJobConfig"], trials):
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
    doc: Document, ending: Document, trials: list[Document], world: World, write: Document, now: datetime
) -> Step:
    """Stop what still runs, one a step, and then end."""
    if "_Ending" not in doc:
        write = {**write, "_Ending": ending}
    for trial in _stoppable(trials, world):
        return Step(effect="stop", target=trial["TrainingJobName"], write=write, again=AT_ONCE)
    if running(trials):
        return Step(write=write, again=LOOKS)
    return _finish(doc, ending, trials, now)


def _finish(doc: Document, ending: Document, trials: list[Document], now: datetime) -> Step:
    write = standing(doc, trials, now) | {
        "HyperParameterTuningJobStatus": ending["Status"],
        "HyperParameterTuningEndTime": now,
    }
    if ending.get("Reason"):
        write["FailureReason"] = ending["Reason"]
    return Step(write=write, again=None)
