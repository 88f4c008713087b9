"""A tuning job's controller: what it sees of its training jobs, and the calls by which it makes them."""

from __future__ import annotations

from datetime import datetime

from clary.controllers.means import Means
from clary.controllers.step import Step, telling
from clary.controllers.tuning.series import objective_values
from clary.controllers.tuning.tuning_job import DONE, World, next_name, next_step, standing
from clary.core.document import Document
from clary.core.errors import ApiError
from clary.core.principal import Principal
from clary.engines.tuning.early_stopping import watched
from clary.engines.tuning.trial_request import choices, trial_request
from clary.engines.tuning.trials import definitions, running
from clary.resources.training.training_job import TRAINING_JOB
from clary.resources.tuning.hyper_parameter_tuning_job import HYPER_PARAMETER_TUNING_JOB
from clary.store.records import Record

EXCEEDED = "ResourceLimitExceeded"  # What a quota answers, in strict mode.


class TuningJobs:
    """The controller of hyperparameter tuning jobs."""

    resource = HYPER_PARAMETER_TUNING_JOB

    def __init__(self, means: Means) -> None:
        self._means = means

    def look(self, record: Record, now: datetime) -> Step:
        """Ask how the trials stand, and decide."""
        if record.status in DONE:
            return Step(again=None)
        busy = running(record.doc.get("_Trials", []))
        jobs = {name: self._job(record, name) for name in (trial["TrainingJobName"] for trial in busy)}
        series: dict[str, list[float]] = {}
        if watched(record.doc):
            wanted = definitions(record.doc)
            for trial in busy:
                job = jobs[trial["TrainingJobName"]]
                if job is not None and "TrainingStartTime" in job.doc:
                    series[job.name] = objective_values(self._means, job, wanted[trial["_Definition"]])
        live = {name: None if job is None else job.doc for name, job in jobs.items()}
        next_one = self._job(record, next_name(record))
        made = None if next_one is None else next_one.doc
        step = next_step(record, World(live=live, series=series, made=made), now)
        return telling(record.doc, step, ends=step.write.get("HyperParameterTuningJobStatus") in DONE)

    def act(self, record: Record, step: Step) -> Document:
        """Create a trial's training job, or stop one."""
        if step.effect == "stop":
            self._call(record, "StopTrainingJob", {"TrainingJobName": step.target})
            return {}
        return self._create(record, step)

    def _create(self, record: Record, step: Step) -> Document:
        """Create a training job on the first resources that quotas allow; a refusal ends the tuning job.

        While others of its training jobs run, it waits for their resources instead.
        """
        *before, trial = step.write["_Trials"]
        definition, tuned = definitions(record.doc)[trial["_Definition"]], trial["TunedHyperParameters"]
        more = {
            "TuningJobArn": record.arn,
            "_Tuned": tuned,
            "_Definition": trial["_Definition"],
            "_Parent": record.uid,
        }
        refused: ApiError | None = None
        for resources in choices(definition):
            request = trial_request(step.target, definition, tuned, record.doc.get("_Tags", []), resources)
            try:
                self._call(record, "CreateTrainingJob", request, more)
                return {}
            except ApiError as error:
                refused = error
            if refused.code != EXCEEDED:
                break
        now = trial["CreationTime"]  # the time of this step
        unmade = {name: record.doc.get(name) for name in step.write} | standing(record.doc, before, now)
        if refused is None or (refused.code == EXCEEDED and running(before)):
            return {**unmade, "_Full": now}
        reason = f"ClientError: The training job {step.target} could not be created: {refused.message}"
        return {**unmade, "_Ending": {"Status": "Failed", "Reason": reason[:1024]}}

    def _job(self, record: Record, name: str) -> Record | None:
        """Return a trial's training job; one that somebody made by that name is none."""
        found = self._means.records.scoped(record.account, record.region).find(TRAINING_JOB, name)
        return found if found is not None and found.doc.get("TuningJobArn") == record.arn else None

    def _call(self, record: Record, operation: str, request: Document, more: Document | None = None) -> None:
        """Call an operation in the name of whoever created the tuning job."""
        said = record.doc["_Caller"]
        lists = {member: tuple(said[member]) for member in ("session_policies", "transitive")}
        caller = Principal(**{**said, **lists})
        self._means.call(caller, record.region, operation, request, more or {})
