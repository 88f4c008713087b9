"""Automatic lineage: follows what becomes of jobs, models and endpoints, and keeps their lineage true.

It works from notes that every write of such a record leaves (`store/lineage/followed.py`), later and in a
thread of its own, so that no job waits for it. A note and what it led to change in one transaction.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from datetime import timedelta

from clary.controllers.lineage.graph import find, weave
from clary.core.arn import parse as parse_arn
from clary.core.document import Document
from clary.core.errors import Moved, TryAgain
from clary.engines.lineage import deployment, model_package, processing_job, training_job, transform_job
from clary.engines.lineage.entities import in_trial, parent
from clary.engines.lineage.trace import Trace
from clary.resources.experiments.experiment import EXPERIMENT
from clary.resources.experiments.trial import TRIAL
from clary.resources.experiments.trial_component import TRIAL_COMPONENT
from clary.store.lineage import followed, measured
from clary.store.metrics import Metrics
from clary.store.record import Record, key_of
from clary.store.records import Records

log = logging.getLogger(__name__)

LOOK = timedelta(milliseconds=200)  # Between looks whether anything was written at all: one PRAGMA each.
QUIET = timedelta(milliseconds=300)  # From a write that is seen to its being followed, with all after it.
MEASURE = timedelta(seconds=1)  # Between times that metrics are summed up: they come in without end.
BATCH = 100  # Notes read at once; each is followed in a transaction of its own.
PAUSE = timedelta(seconds=30)  # Until a record whose lineage could not be made is tried again.


class Follower:
    """Follows notes. Any number of followers may share a store."""

    def __init__(self, records: Records, metrics: Metrics) -> None:
        self._records = records
        self._metrics = metrics
        self._measure = 0.0
        self._watch = records.database.watch()
        self._troubled: dict[str, float] = {}

    def run(self, stop: threading.Event) -> None:
        """Follow whatever is written until told to stop."""
        seen: int | None = None
        while not stop.wait(LOOK.total_seconds()):
            version = self._watch()
            if version == seen and not self._troubled:
                continue
            if stop.wait(QUIET.total_seconds()):  # what begins a job or ends one shall not wait for this
                break
            try:
                self.catch_up(stop.is_set)
                if time.monotonic() < self._measure:
                    continue  # and look again, though nothing else may be written
                self.sum_up()
                self._measure = time.monotonic() + MEASURE.total_seconds()
                seen = version
            except TryAgain as slow:
                log.warning("lineage is followed later: %s", slow)
            except Exception:
                log.exception("lineage could not be followed and will be tried again")

    def catch_up(self, stopped: Callable[[], bool] = lambda: False) -> int:
        """Follow every note there is, and return how many."""
        count, now = 0, time.monotonic()
        self._troubled = {uid: until for uid, until in self._troubled.items() if until > now}
        while not stopped():
            uids = followed.pending(self._records.database, BATCH + len(self._troubled))
            uids = [uid for uid in uids if uid not in self._troubled]
            for uid in uids:
                if stopped():
                    return count
                count += self._try(uid)
            if not uids:
                return count
        return count

    def sum_up(self) -> int:
        """Bring the metrics that components tell of up to date, and return how many components there were."""
        count, database = 0, self._records.database
        with database.read() as connection:
            if not measured.noted(connection, 1):
                return 0
        while True:
            with self._records.database.write() as connection:
                subjects = measured.noted(connection, BATCH)
                for arn in subjects:
                    self._tell(arn)
                measured.done(connection, subjects)
            count += len(subjects)
            if len(subjects) < BATCH:
                return count

    def _tell(self, subject: str) -> None:
        component, source = self._records.by_arn(subject), subject
        if component is None or component.kind != TRIAL_COMPONENT.kind:
            component = _component_of(self._records, subject)
            if component is None:
                return
            source = component.doc["Source"]["SourceArn"]
        sent = measured.summaries(self._metrics, component.account, component.region, source)
        metrics = measured.merged(component.doc.get("Metrics", ()), sent)
        if metrics != component.doc.get("Metrics", []):
            self._records.update(component, {"Metrics": metrics}, touch=False)

    def _try(self, uid: str) -> int:
        try:
            self.follow(uid)
        except (TryAgain, Moved):
            raise
        except Exception:  # one record that cannot be followed must not keep the others from it
            log.exception("the lineage of %s could not be made and will be tried again", uid)
            self._troubled[uid] = time.monotonic() + PAUSE.total_seconds()
            return 0
        return 1

    def follow(self, uid: str) -> None:
        """Bring the lineage of one record up to date."""
        with self._records.database.write() as connection:
            note = followed.read(connection, uid)
            if note is None:
                return
            place = note.was if note.record is None else vars(note.record)
            if place is not None:
                records = self._records.scoped(place["account"], place["region"])
                _TRACED[place["kind"]](records, place)
            followed.done(connection, note)


def _training_job(records: Records, job: Document) -> None:
    _job(records, job, training_job.trace(job["arn"], job["uid"], job["doc"]))


def _processing_job(records: Records, job: Document) -> None:
    _job(records, job, processing_job.trace(job["arn"], job["uid"], job["doc"]))


def _transform_job(records: Records, job: Document) -> None:
    _job(records, job, transform_job.trace(job["arn"], job["uid"], job["doc"]))


def _job(records: Records, job: Document, trace: Trace) -> None:
    name = trace.entities[0].key
    before = find(records, "TrialComponent", name)
    new = before is None or before.doc.get("_Job") != job["uid"]
    component = weave(records, trace)["TrialComponent", name]
    config = job["doc"].get("ExperimentConfig", {})
    if new:  # Points that came before it were of nothing that could have told of them.
        with records.database.write() as connection:
            measured.note(connection, [job["arn"].lower()])
    if new and config:
        _join(records, component, config, job["doc"][f"{job['kind']}Name"])
    if config.get("RunName"):
        _add_source(records, config["RunName"], component.doc["Source"])


def _component_of(records: Records, subject: str) -> Record | None:
    """Return the component that stands for a job, given the job's ARN in lower case."""
    parsed = parse_arn(subject)
    if parsed is None:
        return None
    kind, _, name = parsed.resource.partition("/")
    found = find(records.scoped(parsed.account, parsed.region), "TrialComponent", f"{name}-aws-{kind}")
    return found if found is not None and found.doc.get("SourceKey") == subject else None


def _join(records: Records, component: Record, config: Document, job: str) -> None:
    """Put a job's component into the trial that the job names, or into a new one of its experiment."""
    trial = records.find(TRIAL, key_of(TRIAL, config)) if "TrialName" in config else None
    if trial is None and "TrialName" not in config and "ExperimentName" in config:
        experiment = records.find(EXPERIMENT, key_of(EXPERIMENT, config))
        if experiment is None:
            return
        doc: Document = {"TrialName": f"{job}-aws-trial", "ExperimentName": experiment.name}
        trial = records.find(TRIAL, key_of(TRIAL, doc))
        if trial is None:
            doc |= {"TrialArn": records.arn(TRIAL, doc), "DisplayName": doc["TrialName"]}
            doc["Source"] = component.doc["Source"]
            trial = records.create(TRIAL, doc)
    if trial is not None and not in_trial(component.doc, trial.doc):
        inside = [*component.doc.get("Parents", ()), parent(trial.doc)]
        records.update(component, {"Parents": inside}, touch=False)


def _add_source(records: Records, run: str, source: Document) -> None:
    """Say of an experiment's run that a job is one of its sources."""
    component = records.find(TRIAL_COMPONENT, key_of(TRIAL_COMPONENT, {"TrialComponentName": run}))
    if component is None:
        return
    sources = component.doc.get("Sources", [])
    if source["SourceArn"] not in [each["SourceArn"] for each in sources]:
        records.update(component, {"Sources": [*sources, source]}, touch=False)


def _model(records: Records, model: Document) -> None:
    weave(records, deployment.of_model(model["arn"], model["doc"]))


def _model_package(records: Records, package: Document) -> None:
    weave(records, model_package.of_model_package(package["arn"], package["doc"]))


def _endpoint(records: Records, endpoint: Document) -> None:
    context = find(records, "Context", deployment.context_name(endpoint["doc"]))
    known = {} if context is None else context.doc.get("_Deployment", {})
    trace: Trace = deployment.of_endpoint(endpoint["arn"], endpoint["doc"], known)
    weave(records, trace)


_TRACED: dict[str, Callable[[Records, Document], None]] = {
    "TrainingJob": _training_job,
    "TransformJob": _transform_job,
    "ProcessingJob": _processing_job,
    "Model": _model,
    "ModelPackage": _model_package,
    "Endpoint": _endpoint,
}
