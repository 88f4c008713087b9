"""A processing job's controller: what it sees of the world, and what it does to it."""

from __future__ import annotations

import time
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
from clary.controllers.processing.plan import Upload, hosts_of, plan, run_uids, uploads
from clary.controllers.processing.processing_job import DONE, World, next_step, not_kept
from clary.controllers.reasons import clip
from clary.controllers.s3 import DataFault, RoleObjects
from clary.controllers.step import AT_ONCE, Step
from clary.core.document import Document
from clary.resources.processing.processing_job import PROCESSING_JOB
from clary.runtime.spec import RunSpec, Seen
from clary.store.records import Record

GROUP = "/aws/sagemaker/ProcessingJobs"
SAVED_EVERY = timedelta(seconds=3)  # how old a continuous output may be in S3, while the program runs


class ProcessingJobs:
    """The controller of processing jobs."""

    resource = PROCESSING_JOB

    def __init__(self, means: Means, *, collects_for: float = 5.0) -> None:
        """`collects_for` is after how many seconds the rest of a job's outputs waits for the next look."""
        self._means, self._collects_for = means, collects_for
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

    def act(self, record: Record, step: Step) -> Document | Step:
        """Start, stop, kill or remove the runs, or put what they made where the caller asked for it."""
        if step.effect == "start":
            for spec in self._plans(record):
                self._runtime.start(spec)
        elif step.effect == "collect":
            return self._collect(record, step)
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
        rested = {
            uid: timedelta(0) if run.phase == "exited" else SAVED_EVERY
            for uid, run in zip(run_uids(record), runs, strict=True)
            if run.started
        }
        return any(self._runtime.unsaved(uid, one, rested=rested[uid]) for uid in rested for one in kept)

    def _save(self, record: Record) -> Document:
        """Take continuous outputs to S3; what is refused is left out, and fails the job in the end."""
        objects = self._means.as_role(record.doc["RoleArn"])
        before: Document = record.doc.get("_NotSaved", {})
        faults = dict(before)
        for uid in run_uids(record):
            for each in uploads(record.doc):
                if each.continuous:
                    keep = partial(_keep_below, objects, each, faults)
                    if never := self._runtime.save(uid, each.directory, keep):
                        faults.setdefault(
                            each.name, clip(f"ClientError: An output is not whole: {never[0]}.")
                        )
        return {"_NotSaved": faults} if faults != before else {}

    def _collect(self, record: Record, step: Step) -> Document | Step:
        """Put the outputs of all hosts where they belong, as many as there is time for at this look.

        What is refused is left out; the first such file fails a job that went well.
        """
        objects, until = self._means.as_role(record.doc["RoleArn"]), time.monotonic() + self._collects_for
        files = self._made(record)
        put, fault = record.doc.get("_Put", 0), record.doc.get("_NotKept", "")
        for uri, path in files[put:]:
            try:
                objects.keep(uri, path)
            except DataFault as found:
                fault = fault or f"ClientError: {found}"
            put += 1
            if time.monotonic() > until and put < len(files):
                return Step(write={"_Put": put, "_NotKept": fault}, again=AT_ONCE)
        return not_kept(step.write, fault) if fault else {}

    def _made(self, record: Record) -> list[tuple[str, Path]]:
        """Return every file that the hosts made and where it goes, always in the same order."""
        runs, made = self._runs(record), []
        for each in uploads(record.doc):
            paths = [run.outputs[each.name] for run in runs if each.name in run.outputs]
            made += [(f"{each.uri}/{name}", path) for name, path in files_of(paths).items()]
        return made


def stream_of(record: Record, host: Host) -> Stream:
    """Name the log stream of a host in the job's present attempt."""
    epoch = int(record.created.timestamp()) + record.doc.get("_Attempt", 1) - 1
    return Stream(record.account, record.region, GROUP, f"{record.name}/{host.name}-{epoch}")


def _keep_below(objects: RoleObjects, output: Upload, faults: Document, name: str, path: Path) -> None:
    try:
        objects.keep(f"{output.uri}/{name}", path)
    except DataFault as fault:
        faults.setdefault(output.name, clip(f"ClientError: An output could not be kept: {fault}"))
