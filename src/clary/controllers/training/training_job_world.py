"""A training job's controller: what it sees of the world, and what it does to it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path

from clary.controllers.host_metrics import HostMetrics
from clary.controllers.hosts import Host, broken_since, together
from clary.controllers.logs import Stream
from clary.controllers.means import Means
from clary.controllers.reasons import clip
from clary.controllers.s3 import DataFault, RoleObjects
from clary.controllers.step import Step, telling
from clary.controllers.training import pools, warm_pool
from clary.controllers.training.channels import mounts
from clary.controllers.training.hosts import hosts_of, run_uids
from clary.controllers.training.measuring import Measuring, Taken
from clary.controllers.training.metric_series import SPACE, last_values
from clary.controllers.training.outcome import collect
from clary.controllers.training.plan import plan, saves
from clary.controllers.training.training_job import DONE, World, next_step
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
        doc, runs = record.doc, self._runs(record)
        run = together(runs)
        if doc["TrainingJobStatus"] in DONE:
            left = [each for each in runs if each.phase != "absent"]
            step = next_step(record, World(run=left[0] if left else Seen()), now)
            available = warm_pool.status(doc) == "Available" and not step.write
            pools.mark(self._means, record, available=available)
            return step
        ended = run.phase == "exited"
        taken = self._taken(record, runs, now) if run.started else Taken(logged=True)
        unsearched = taken.given_up or doc.get("_Unsearched", {})
        waiting = run.phase == "absent" and "_Started" not in doc and doc["TrainingJobStatus"] == "InProgress"
        fault = self._fault(record) if waiting else ""
        unsaved = self._unsaved(record, runs)
        metrics = self._metrics(record) if taken.measured or (ended and taken.logged) else ()
        world = World(
            run=run,
            fault=fault,
            logged=taken.logged,
            metrics=metrics if ended or metrics != doc.get("FinalMetricDataList") else (),
            remark=unsearched.get("Remark", ""),
            unsaved=unsaved,
            reclaimed=self._reclaimed(record, run),
            pooled=waiting and self._pooled(record, now),
            broken=broken_since(runs),
        )
        step = next_step(record, world, now)
        if taken.given_up:
            step = replace(step, write={**step.write, "_Unsearched": taken.given_up})
        return telling(doc, step, ends=step.write.get("TrainingJobStatus") in DONE)

    def act(self, record: Record, step: Step) -> Document:
        """Start, stop, kill or remove the run, or collect what it made."""
        if step.effect == "start":
            for spec in self._plans(record):
                self._runtime.start(spec)
            return _with_definitions(record.doc)
        elif step.effect == "pool":
            pools.take(self._means, record, self._means.records.clock.now())
        elif step.effect == "collect":
            return self._collect(record, step.write)
        elif step.effect == "save":
            return self._save(record)
        else:
            effects = {"stop": self._runtime.stop, "kill": self._runtime.kill, "remove": self._runtime.remove}
            for uid in run_uids(record):
                effects[step.effect](uid)
            reclaim.forget(self._means.settings.home, record.arn)
        return {}

    def _pooled(self, record: Record, now: datetime) -> bool:
        """Tell whether the job uses a warm pool: one that it finds, or the one that it will leave."""
        if warm_pool.keep_alive(record.doc) > timedelta(0):
            return True
        return pools.find(self._means, record, now) is not None

    def _runs(self, record: Record) -> list[Seen]:
        return [self._runtime.inspect(uid) for uid in run_uids(record)]

    def _unsaved(self, record: Record, runs: Sequence[Seen]) -> bool:
        if "_NotSaved" in record.doc:
            return False
        rested = {
            uid: timedelta(0) if run.phase == "exited" else SAVED_EVERY
            for uid, run in zip(run_uids(record), runs, strict=True)
            if run.started
        }
        kept = saves(record.doc)
        return any(self._runtime.unsaved(uid, one, rested=rested[uid]) for uid in rested for one in kept)

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
            for uid in run_uids(record):
                for directory, uri in saves(record.doc).items():
                    if never := self._runtime.save(uid, directory, partial(_keep_below, objects, uri)):
                        raise DataFault(f"{never[0]}.")
        except DataFault as fault:
            return {"_NotSaved": clip(f"ClientError: The job's checkpoints could not be kept: {fault}")}
        return {}

    def _plans(self, record: Record) -> list[RunSpec]:
        role, region = record.doc["RoleArn"], record.region
        objects, shown = self._means.as_role(role), mounts(record.doc, self._means.settings.home)
        return [
            replace(plan(record, host, objects, self._means.environment(uid, role, region)), mounts=shown)
            for host, uid in zip(hosts_of(record.doc), run_uids(record), strict=True)
        ]

    def _fault(self, record: Record) -> str:
        try:
            self._plans(record)
        except DataFault as fault:
            return f"ClientError: {fault}"
        return ""

    def _taken(self, record: Record, runs: Sequence[Seen], now: datetime) -> Taken:
        """Take in the log of each host with its metrics. The images' expressions are our own."""
        definitions = _definitions(record.doc)
        trusted = definitions == own_definitions(record.doc)
        taken = Taken(logged=True)
        for host, uid, run in zip(hosts_of(record.doc), run_uids(record), runs, strict=True):
            ended = run.phase == "exited"
            if run.started is None:
                continue
            self._hosts.take(record, uid, SPACE, [("Host", f"{record.name}/{host.name}")], ended=ended)
            job = (
                replace(record, doc={**record.doc, "_Unsearched": taken.given_up})
                if taken.given_up
                else record
            )
            stream = stream_of(record, host)
            one = self._measuring.take(job, uid, stream, definitions, now, ended=ended, trusted=trusted)
            taken = Taken(
                logged=taken.logged and one.logged,
                measured=taken.measured or one.measured,
                given_up=one.given_up or taken.given_up,
            )
        return taken

    def _metrics(self, record: Record) -> list[Document]:
        """Return the last value of each metric."""
        definitions = _definitions(record.doc)
        return last_values(self._means.metrics, record, definitions) if definitions else []

    def _collect(self, record: Record, write: Document) -> Document:
        """Put the packed outputs where the caller asked for them; a bucket that is gone fails the job."""
        doc, failed = record.doc, write["TrainingJobStatus"] == "Failed"
        try:
            collect(doc, self._runs(record), self._means.as_role(doc["RoleArn"]), failed=failed)
        except DataFault as fault:
            return _not_kept({**doc, **write}, fault)
        return {}


def _keep_below(objects: RoleObjects, uri: str, name: str, path: Path) -> None:
    objects.keep(f"{uri}/{name}", path)


def stream_of(record: Record, host: Host) -> Stream:
    """Name the log stream of a host in the job's present attempt."""
    epoch = int(record.created.timestamp()) + record.doc.get("_Attempt", 1) - 1
    return Stream(record.account, record.region, GROUP, f"{record.name}/{host.name}-{epoch}")


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
    return own_definitions(doc)


def own_definitions(doc: Document) -> list[Document]:
    """Return the definitions that come with a built-in image: expressions of ours."""
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
