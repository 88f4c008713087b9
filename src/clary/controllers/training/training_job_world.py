"""A training job's controller: what it sees of the world, and what it does to it."""

from __future__ import annotations

from datetime import datetime

from clary.store.logs import Logs

from clary.controllers import s3
from clary.controllers.environment import RunToken, environment
from clary.controllers.logs import Stream, ingest
from clary.controllers.step import Step
from clary.controllers.training.metrics import last_values
from clary.controllers.training.plan import HOST, plan
from clary.controllers.training.training_job import (
    DONE,
    World,
    clip,
    model_uri,
    next_step,
    output_uri,
    run_uid,
)
from clary.controllers.training.transitions import close
from clary.core.document import Document
from clary.core.errors import ApiError
from clary.core.settings import Settings
from clary.resources.training.training_job import TRAINING_JOB
from clary.runtime.spec import RunSpec, Runtime, Seen
from clary.store.objects import Objects
from clary.store.records import Record

GROUP = "/aws/sagemaker/TrainingJobs"


class TrainingJobs:
    """The controller of training jobs."""

    resource = TRAINING_JOB

    def __init__(
        self, runtime: Runtime, objects: Objects, logs: Logs, settings: Settings, token: RunToken
    ) -> None:
        self._runtime = runtime
        self._objects = objects
        self._logs = logs
        self._settings = settings
        self._token = token

    def look(self, record: Record, now: datetime) -> Step:
        """Take in the log, and decide."""
        uid = run_uid(record)
        run = self._runtime.inspect(uid)
        done = record.doc["TrainingJobStatus"] in DONE
        ended = run.phase == "exited"
        logged = True
        if run.started and not done:
            logged = ingest(self._runtime, uid, self._logs, stream_of(record), now, ended=ended)
        metrics = self._metrics(record) if ended and logged and not done else []
        fault = "" if done or run.phase != "absent" else self._fault(record)
        return next_step(record, World(run=run, fault=fault, logged=logged, metrics=metrics), now)

    def act(self, record: Record, step: Step) -> Document:
        """Start, stop, kill or remove the run, or collect what it made."""
        uid = run_uid(record)
        if step.effect == "start":
            self._runtime.start(self._plan(record))
        elif step.effect == "collect":
            return self._collect(record, self._runtime.inspect(uid), step.write)
        else:
            effects = {"stop": self._runtime.stop, "kill": self._runtime.kill, "remove": self._runtime.remove}
            effects[step.effect](uid)
        return {}

    def _plan(self, record: Record) -> RunSpec:
        uid, role = run_uid(record), record.doc["RoleArn"]
        found = environment(self._settings, self._token, uid=uid, role=role, region=record.region)
        return plan(record, uid, self._objects, found)

    def _fault(self, record: Record) -> str:
        try:
            self._plan(record)
        except s3.DataFault as fault:
            return f"ClientError: {fault}"
        return ""

    def _metrics(self, record: Record) -> list[Document]:
        definitions = record.doc["AlgorithmSpecification"].get("MetricDefinitions", ())
        if not definitions:
            return []
        stream = stream_of(record)
        return last_values(
            definitions, self._logs.each(stream.account, stream.region, stream.group, stream.name)
        )

    def _collect(self, record: Record, run: Seen, write: Document) -> Document:
        """Put the packed outputs where the caller asked for them; a bucket that is gone fails the job."""
        doc = record.doc
        homes = {"model": model_uri(doc), "output": output_uri(doc, "output.tar.gz")}
        if write["TrainingJobStatus"] == "Failed":
            del homes["model"]
        try:
            for name in homes.keys() & run.outputs.keys():
                s3.keep(self._objects, homes[name], run.outputs[name])
        except ApiError as error:
            return _not_kept({**doc, **write}, error)
        return {}


def _not_kept(doc: Document, error: ApiError) -> Document:
    path = doc["OutputDataConfig"]["S3OutputPath"]
    reason = f"ClientError: Artifact upload failed:{path}: {error.message}"
    end = doc["SecondaryStatusTransitions"][-1]["StartTime"]
    return {
        "TrainingJobStatus": "Failed",
        "FailureReason": clip(reason),
        **close(doc, "Failed", end),
    }


def stream_of(record: Record) -> Stream:
    """Name the log stream of the job's present attempt."""
    epoch = int(record.created.timestamp()) + record.doc.get("_Attempt", 1) - 1
    return Stream(record.account, record.region, GROUP, f"{record.name}/{HOST}-{epoch}")
