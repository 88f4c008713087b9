"""A transform job's controller: what it sees of the world, and what it does to it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from clary.controllers.host_metrics import HostMetrics
from clary.controllers.inference import transform_outcome
from clary.controllers.inference.endpoint import clip
from clary.controllers.inference.transform_job import DONE, World, next_step
from clary.controllers.inference.transform_plan import plans, run_uids
from clary.controllers.logs import Stream, ingest
from clary.controllers.means import Means
from clary.controllers.s3 import DataFault, RoleObjects
from clary.controllers.step import Step, telling
from clary.core.document import Document
from clary.resources.inference.transform_job import TRANSFORM_JOB
from clary.runtime.jobdir import tag
from clary.runtime.spec import Runtime, Seen
from clary.runtime.transform import ledger
from clary.store.records import Record

GROUP = "/aws/sagemaker/TransformJobs"
DATA_LOG = "data-log"
SOME, EVERYTHING = 1 << 13, 1 << 62  # bytes of a ledger that are read at a time


class TransformJobs:
    """The controller of transform jobs."""

    resource = TRANSFORM_JOB

    def __init__(self, means: Means) -> None:
        self._means = means
        self._runtime = means.runtime
        self._hosts = HostMetrics(means)

    def look(self, record: Record, now: datetime) -> Step:
        """Take in the logs of all hosts, and decide."""
        step = self._look(record, now)
        return telling(record.doc, step, ends=step.write.get("TransformJobStatus") in DONE)

    def _look(self, record: Record, now: datetime) -> Step:
        doc = record.doc
        if doc["TransformJobStatus"] in DONE:
            left = any(self._runtime.inspect(uid).phase != "absent" for uid in self._every_uid(record))
            return next_step(record, World(left=left), now)
        if "_Started" not in doc:
            stopping = doc["TransformJobStatus"] == "Stopping"
            fault, remaining = ("", 0) if stopping else self._outlook(record)
            return next_step(record, World(fault=fault, remaining=remaining), now)
        runs = {uid: self._runtime.inspect(uid) for uid in self._uids(record)}
        logged = [self._logged(record, uid, run, now) for uid, run in runs.items()]
        fresh = "_Unkept" not in doc and any(found for found, _ in self._news(record, SOME).values())
        return next_step(record, World(runs=list(runs.values()), logged=all(logged), fresh=fresh), now)

    def act(self, record: Record, step: Step) -> Document:
        """Start, stop, kill or remove the hosts' runs, or put or withdraw what they made."""
        if step.effect == "start":
            specs = plans(record, self._means, self._finished(record))
            for spec in specs:
                self._runtime.start(spec)
            first = next(each.items[0] for spec in specs if (each := spec.transform))
            return {"_Hosts": len(specs), "_Prefix": first.uri.removesuffix(first.name)}
        if step.effect == "collect":
            return self._collect(record, step)
        if step.effect == "publish":
            return self._publish(record)
        if step.effect == "withdraw":
            transform_outcome.withdraw(record.doc, self._finished(record), self._objects(record))
            return {}
        if step.effect == "remove":
            for uid in self._every_uid(record):
                self._runtime.remove(uid)
            return {}
        effect = {"stop": self._runtime.stop, "kill": self._runtime.kill}[step.effect]
        for uid in self._uids(record):
            effect(uid)
        return {}

    def _outlook(self, record: Record) -> tuple[str, int]:
        """Say why the job cannot begin, or how many hosts have something to do."""
        try:
            return "", len(plans(record, self._means, self._finished(record)))
        except DataFault as fault:
            return f"ClientError: {fault}", 0

    def _uids(self, record: Record) -> tuple[str, ...]:
        """Return the runs that the present attempt was begun with."""
        return run_uids(record, record.doc.get("_Attempt", 1))[: record.doc["_Hosts"]]

    def _every_uid(self, record: Record) -> Iterable[str]:
        for attempt in range(1, record.doc.get("_Attempt", 1) + 1):
            yield from run_uids(record, attempt)

    def _finished(self, record: Record) -> dict[str, Path]:
        """Return every output that is whole, of this attempt or an earlier one."""
        found: dict[str, Path] = {}
        for uid in self._every_uid(record):
            outputs = self._runtime.inspect(uid).outputs
            if ledger.OUTPUT in outputs:
                found = {**ledger.finished(outputs[ledger.OUTPUT]), **found}
        return found

    def _logged(self, record: Record, uid: str, run: Seen, now: datetime) -> bool:
        """Take in what a host printed, what was said of its requests, and what it used."""
        if run.started is None:
            return True
        ended = run.phase == "exited"
        host = host_of(record, uid)
        self._hosts.take(record, uid, GROUP, [("Host", host)], ended=ended)
        sources = ((self._runtime, host), (_DataLog(self._runtime), f"{host}/{DATA_LOG}"))
        done = [
            ingest(
                source,
                uid,
                self._means.logs,
                Stream(record.account, record.region, GROUP, name),
                now,
                ended=ended,
            )
            for source, name in sources
        ]
        return all(done) or not ended

    def _collect(self, record: Record, step: Step) -> Document:
        """Put the outputs that are not there yet; a bucket that is gone fails the job."""
        doc, objects = {**record.doc, **step.write}, self._objects(record)
        try:
            for found, _ in self._news(record, EVERYTHING).values():
                transform_outcome.keep(doc, found, objects)
            transform_outcome.capture(record.uid, doc, self._finished(record), objects)
        except DataFault as fault:
            return {"TransformJobStatus": "Failed", "FailureReason": clip(f"ClientError: {fault}")}
        return {}

    def _publish(self, record: Record) -> Document:
        """Put some outputs that were finished since the last time; what keeps them out is told at the end."""
        news = self._news(record, SOME)
        try:
            for found, _ in news.values():
                transform_outcome.keep(record.doc, found, self._objects(record))
        except DataFault:
            return {"_Unkept": True}
        return {"_Kept": {uid: offset for uid, (_, offset) in news.items()}}

    def _news(self, record: Record, most: int) -> dict[str, tuple[dict[str, Path], int]]:
        """Return for each run the outputs that are not in S3 yet, and how far its ledger is read then."""
        kept = record.doc.get("_Kept", {})
        seen = {uid: self._runtime.inspect(uid).outputs.get(ledger.OUTPUT) for uid in self._every_uid(record)}
        return {uid: ledger.since(path, kept.get(uid, 0), most) for uid, path in seen.items() if path}

    def _objects(self, record: Record) -> RoleObjects:
        return self._means.as_role(record.doc["_Model"]["Role"])


@dataclass(frozen=True)
class _DataLog:
    runtime: Runtime

    def output(self, uid: str, offset: int, limit: int) -> bytes:
        return self.runtime.data_log(uid, offset, limit)


def host_of(record: Record, uid: str) -> str:
    """Name a host as its log stream does: `<job>/<instance id>-<when it was asked for>`."""
    number = int(tag(uid), 16)
    return f"{record.name}/i-{number:017x}-{int(record.created.timestamp())}"
