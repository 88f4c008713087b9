"""A processing job's controller: what it sees of the world, and what it does to it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path

from clary.controllers.host_metrics import HostMetrics
from clary.controllers.hosts import Host, broken_since, together
from clary.controllers.logs import Stream, ingest
from clary.controllers.means import Means
from clary.controllers.outputs import files_of
from clary.controllers.processing.plan import hosts_of, plan, run_uids, uploads
from clary.controllers.processing.processing_job import DONE, World, next_step
from clary.controllers.reasons import clip
from clary.controllers.s3 import DataFault, RoleObjects
from clary.controllers.step import Step
from clary.core.document import Document
from clary.resources.processing.processing_job import PROCESSING_JOB
from clary.runtime.spec import RunSpec, Seen
from clary.store.records import Record

GROUP = "/aws/sagemaker/ProcessingJobs"
SAVED_EVERY = timedelta(seconds=3)  # how old a continuous output may be in S3, while the program runs


class ProcessingJobs:
    """The controller of processing jobs."""

    resource = PROCESSING_JOB

    def __init__(self, means: Means) -> None:
        self._means = means
        self._runtime = means.runtime
        self._hosts = HostMetrics(means)

    def look(self, record: Record, now: datetime) -> Step:
        """Take in the logs of all hosts, and decide."""
        doc, runs = record.doc, self._runs(record)
        if doc["ProcessingJobStatus"] in DONE:
            left = [each for each in runs if each.phase != "absent"]
            return next_step(record, World(run=left[0] if left else Seen()), now)
        run = together(runs)
        waiting = "_Started" not in doc and doc["ProcessingJobStatus"] == "InProgress"
        world = World(
            run=run,
            fault=self._fault(record) if waiting and run.phase == "absent" else "",
            logged=self._logged(record, runs, now),
            unsaved=self._unsaved(record, runs),
            broken=broken_since(runs),
        )
        step = next_step(record, world, now)
        ended = step.write.get("ProcessingJobStatus") in DONE
        return replace(step, wake=doc["_Parent"]) if ended and "_Parent" in doc else step

    def act(self, record: Record, step: Step) -> Document:
        """Start, stop, kill or remove the runs, or put what they made where the caller asked for it."""
        if step.effect == "start":
            for spec in self._plans(record):
                self._runtime.start(spec)
        elif step.effect == "collect":
            return self._collect(record)
        elif step.effect == "save":
            return self._save(record)
        else:
            effects = {"stop": self._runtime.stop, "kill": self._runtime.kill, "remove": self._runtime.remove}
            for uid in run_uids(record):
                effects[step.effect](uid)
        return {}

    def _runs(self, record: Record) -> list[Seen]:
        return [self._runtime.inspect(uid) for uid in run_uids(record)]

    def _plans(self, record: Record) -> list[RunSpec]:
        role, region = record.doc["RoleArn"], record.region
        objects = self._means.as_role(role)
        return [
            plan(record, host, objects, self._means.environment(uid, role, region))
            for host, uid in zip(hosts_of(record.doc), run_uids(record), strict=True)
        ]

    def _fault(self, record: Record) -> str:
        try:
            self._plans(record)
        except DataFault as fault:
            return f"ClientError: {fault}"
        return ""

    def _logged(self, record: Record, runs: Sequence[Seen], now: datetime) -> bool:
        """Take in what each host printed and used."""
        done = [True]
        for host, uid, run in zip(hosts_of(record.doc), run_uids(record), runs, strict=True):
            if run.started:
                ended, logs = run.phase == "exited", self._means.logs
                self._hosts.take(record, uid, GROUP, [("Host", f"{record.name}/{host.name}")], ended=ended)
                stream = stream_of(record, host)
                done.append(ingest(self._runtime, uid, logs, stream, now, ended=ended))
        return all(done)

    def _unsaved(self, record: Record, runs: Sequence[Seen]) -> bool:
        kept = [each.directory for each in uploads(record.doc) if each.continuous]
        if "_NotSaved" in record.doc or not kept:
            return False
        rested = {
            uid: timedelta(0) if run.phase == "exited" else SAVED_EVERY
            for uid, run in zip(run_uids(record), runs, strict=True)
            if run.started
        }
        return any(self._runtime.unsaved(uid, one, rested=rested[uid]) for uid in rested for one in kept)

    def _save(self, record: Record) -> Document:
        """Take continuous outputs to S3; if that is refused, the job goes on and fails in the end."""
        objects = self._means.as_role(record.doc["RoleArn"])
        try:
            for uid in run_uids(record):
                for each in uploads(record.doc):
                    if each.continuous:
                        self._runtime.save(uid, each.directory, partial(_keep_below, objects, each.uri))
        except DataFault as fault:
            return {"_NotSaved": clip(f"ClientError: An output could not be kept: {fault}")}
        return {}

    def _collect(self, record: Record) -> Document:
        """Put the outputs of all hosts where they belong; a bucket that is gone fails the job."""
        objects, runs = self._means.as_role(record.doc["RoleArn"]), self._runs(record)
        try:
            for each in uploads(record.doc):
                paths = [run.outputs[each.name] for run in runs if each.name in run.outputs]
                for name, path in files_of(paths).items():
                    objects.keep(f"{each.uri}/{name}", path)
        except DataFault as fault:
            return {"ProcessingJobStatus": "Failed", "FailureReason": clip(f"ClientError: {fault}")}
        return {}


def stream_of(record: Record, host: Host) -> Stream:
    """Name the log stream of a host in the job's present attempt."""
    epoch = int(record.created.timestamp()) + record.doc.get("_Attempt", 1) - 1
    return Stream(record.account, record.region, GROUP, f"{record.name}/{host.name}-{epoch}")


def _keep_below(objects: RoleObjects, uri: str, name: str, path: Path) -> None:
    objects.keep(f"{uri}/{name}", path)
