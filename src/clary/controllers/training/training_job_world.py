"""A training job's controller: what it sees of the world, and what it does to it."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path

from clary.controllers.host_metrics import HostMetrics
from clary.controllers.logs import Stream
from clary.controllers.means import Means
from clary.controllers.s3 import DataFault, RoleObjects
from clary.controllers.step import Step
from clary.controllers.training import pools, warm_pool
from clary.controllers.training.measuring import Measuring, Taken
from clary.controllers.training.metric_series import SPACE, last_values
from clary.controllers.training.plan import HOST, plan, saves
from clary.controllers.training.training_job import (
    DONE,
    World,
    clip,
    model_name,
    next_step,
    output_uri,
    run_uid,
)
from clary.controllers.training.transitions import close
from clary.core import reclaim
from clary.core.document import Document
from clary.resources.training.training_job import TRAINING_JOB
from clary.runtime import images
from clary.runtime.spec import RunSpec, Seen
from clary.store.records import Record

SCRIPT = "sagemaker_program"  # the hyperparameter that puts a script in the algorithm's place
SAVED_EVERY = timedelta(seconds=3)  # how old a checkpoint may be in S3, while the program runs
GROUP = "/aws/sagemaker/TrainingJobs"


class TrainingJobs:
    """The controller of training jobs."""

    resource = TRAINING_JOB

    def __init__(self, means: Means) -> None:
        self._means = means
        self._runtime = means.runtime
        self._measuring = Measuring(means)
        self._hosts = HostMetrics(means)

    def look(self, record: Record, now: datetime) -> Step:
        """Take in the log, and decide."""
        uid, doc = run_uid(record), record.doc
        run = self._runtime.inspect(uid)
        if doc["TrainingJobStatus"] in DONE:
            step = next_step(record, World(run=run), now)
            available = warm_pool.status(doc) == "Available" and not step.write
            pools.mark(self._means, record, available=available)
            return step
        ended = run.phase == "exited"
        taken = self._taken(record, uid, now, ended=ended) if run.started else Taken(logged=True)
        unsearched = taken.given_up or doc.get("_Unsearched", {})
        waiting = run.phase == "absent" and "_Started" not in doc and doc["TrainingJobStatus"] == "InProgress"
        fault = self._fault(record) if waiting else ""
        unsaved = self._unsaved(record, run)
        world = World(
            run=run,
            fault=fault,
            logged=taken.logged,
            metrics=self._metrics(record) if taken.measured or (ended and taken.logged) else (),
            remark=unsearched.get("Remark", ""),
            unsaved=unsaved,
            reclaimed=self._reclaimed(record, run),
            pooled=waiting and self._pooled(record, now),
        )
        step = next_step(record, world, now)
        if taken.given_up:
            step = replace(step, write={**step.write, "_Unsearched": taken.given_up})
        ended = step.write.get("TrainingJobStatus") in DONE
        return replace(step, wake=doc["_Parent"]) if ended and "_Parent" in doc else step

    def act(self, record: Record, step: Step) -> Document:
        """Start, stop, kill or remove the run, or collect what it made."""
        uid = run_uid(record)
        if step.effect == "start":
            self._runtime.start(self._plan(record))
            return _with_definitions(record.doc)
        elif step.effect == "pool":
            pools.take(self._means, record, self._means.records.clock.now())
        elif step.effect == "collect":
            return self._collect(record, self._runtime.inspect(uid), step.write)
        elif step.effect == "save":
            return self._save(record)
        else:
            effects = {"stop": self._runtime.stop, "kill": self._runtime.kill, "remove": self._runtime.remove}
            effects[step.effect](uid)
            reclaim.forget(self._means.settings.home, record.arn)
        return {}

    def _pooled(self, record: Record, now: datetime) -> bool:
        """Tell whether the job uses a warm pool: one that it finds, or the one that it will leave."""
        if warm_pool.keep_alive(record.doc) > timedelta(0):
            return True
        return pools.find(self._means, record, now) is not None

    def _unsaved(self, record: Record, run: Seen) -> bool:
        if run.started is None or "_NotSaved" in record.doc:
            return False
        rested = timedelta(0) if run.phase == "exited" else SAVED_EVERY
        uid = run_uid(record)
        return any(self._runtime.unsaved(uid, each, rested=rested) for each in saves(record.doc))

    def _reclaimed(self, record: Record, run: Seen) -> str:
        """Say why the job's capacity is taken back, if it is."""
        if not record.doc.get("EnableManagedSpotTraining"):
            return ""
        if reclaim.asked(self._means.settings.home, record.arn):
            return "somebody asked for it"
        return "a job that is not on spot capacity waits for it" if run.reclaimed else ""

    def _save(self, record: Record) -> Document:
        """Take checkpoints to S3; if that is refused, the job goes on and fails in the end."""
        objects = self._means.as_role(record.doc["RoleArn"])
        try:
            for directory, uri in saves(record.doc).items():
                self._runtime.save(run_uid(record), directory, partial(_keep_below, objects, uri))
        except DataFault as fault:
            return {"_NotSaved": clip(f"ClientError: The job's checkpoints could not be kept: {fault}")}
        return {}

    def _plan(self, record: Record) -> RunSpec:
        uid, role = run_uid(record), record.doc["RoleArn"]
        return plan(record, uid, self._means.as_role(role), self._means.environment(uid, role, record.region))

    def _fault(self, record: Record) -> str:
        try:
            self._plan(record)
        except DataFault as fault:
            return f"ClientError: {fault}"
        return ""

    def _taken(self, record: Record, uid: str, now: datetime, *, ended: bool) -> Taken:
        """Take in the log with its metrics. The images' expressions are our own."""
        self._hosts.take(record, uid, SPACE, [("Host", f"{record.name}/{HOST}")], ended=ended)
        definitions = _definitions(record.doc)
        trusted = definitions == _own_definitions(record.doc)
        stream = stream_of(record)
        return self._measuring.take(record, uid, stream, definitions, now, ended=ended, trusted=trusted)

    def _metrics(self, record: Record) -> list[Document]:
        """Return the last value of each metric."""
        definitions = _definitions(record.doc)
        return last_values(self._means.metrics, record, definitions) if definitions else []

    def _collect(self, record: Record, run: Seen, write: Document) -> Document:
        """Put the packed outputs where the caller asked for them; a bucket that is gone fails the job."""
        doc, failed = record.doc, write["TrainingJobStatus"] == "Failed"
        objects = self._means.as_role(doc["RoleArn"])
        try:
            for name, path in run.outputs.items():
                if not (failed and name == model_name(doc)):
                    for below, file in _files(path):
                        objects.keep(output_uri(doc, name + below), file)
        except DataFault as fault:
            return _not_kept({**doc, **write}, fault)
        return {}


def _keep_below(objects: RoleObjects, uri: str, name: str, path: Path) -> None:
    objects.keep(f"{uri}/{name}", path)


def _files(path: Path) -> list[tuple[str, Path]]:
    """Return a file, or every file below a directory, and what its key adds to the directory's."""
    if not path.is_dir():
        return [("", path)]
    found = sorted(each for each in path.rglob("*") if each.is_file())
    return [(f"/{each.relative_to(path)}", each) for each in found]


def stream_of(record: Record) -> Stream:
    """Name the log stream of the job's present attempt."""
    epoch = int(record.created.timestamp()) + record.doc.get("_Attempt", 1) - 1
    return Stream(record.account, record.region, GROUP, f"{record.name}/{HOST}-{epoch}")


def _with_definitions(doc: Document) -> Document:
    """Return the algorithm with its metric definitions, where it has some."""
    definitions, algorithm = _definitions(doc), doc["AlgorithmSpecification"]
    return {"AlgorithmSpecification": {**algorithm, "MetricDefinitions": definitions}} if definitions else {}


def _definitions(doc: Document) -> list[Document]:
    """Return the caller's metric definitions, else the ones that come with the built-in algorithm."""
    algorithm = doc["AlgorithmSpecification"]
    given: list[Document] = algorithm.get("MetricDefinitions", [])
    if given or SCRIPT in doc.get("HyperParameters", {}) or "ContainerEntrypoint" in algorithm:
        return given
    return _own_definitions(doc)


def _own_definitions(doc: Document) -> list[Document]:
    """Return the definitions that come with the image."""
    try:
        known = images.resolve(doc["AlgorithmSpecification"].get("TrainingImage", "")).metrics
    except ValueError:
        return []
    return [{"Name": name, "Regex": regex} for name, regex in known.items()]


def _not_kept(doc: Document, fault: DataFault) -> Document:
    """Say that the job failed after all, in the place of its last transition."""
    *before, last = doc["SecondaryStatusTransitions"]
    failed = close({**doc, "SecondaryStatusTransitions": before}, "Failed", last["StartTime"])
    return {"TrainingJobStatus": "Failed", "FailureReason": clip(f"ClientError: {fault}"), **failed}
