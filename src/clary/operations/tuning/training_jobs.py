"""ListTrainingJobsForHyperParameterTuningJob: the trials, as the record and their training jobs tell them."""

from __future__ import annotations

from datetime import datetime

from botocore.model import ListShape

from clary.core.document import Document
from clary.engines.tuning.trials import ENDED, definitions, seen, value_of
from clary.operations import kinds
from clary.operations.computed_list import cut
from clary.operations.crud import page_size
from clary.operations.registry import Call, operation
from clary.resources.training.training_job import TRAINING_JOB
from clary.resources.tuning.hyper_parameter_tuning_job import HYPER_PARAMETER_TUNING_JOB
from clary.wire import models

_NAME = "ListTrainingJobsForHyperParameterTuningJob"
_MEMBER = "TrainingJobSummaries"


@operation("sagemaker", _NAME)
def training_jobs(call: Call) -> Document:
    """Answer one page of the trials, as asked for."""
    job = call.records.get(HYPER_PARAMETER_TUNING_JOB, call.request)
    wanted = definitions(job.doc)
    trials = [_now(call, wanted, trial) for trial in job.doc.get("_Trials", [])]
    status = call.request.get("StatusEquals")
    trials = [trial for trial in trials if status in (None, trial["TrainingJobStatus"])]
    by = call.request.get("SortBy", "Name")
    if by == "FinalObjectiveMetricValue":  # a job without one is not returned: the API reference says so
        trials = [trial for trial in trials if value_of(trial) is not None]
    ordered = sorted(trials, key=lambda trial: (_sorted_by(by, trial), trial["_Number"]))
    if call.request.get("SortOrder", "Ascending") == "Descending":
        ordered.reverse()
    keyed = [(f"{place:06d}", trial) for place, trial in enumerate(ordered)]
    page, token = cut(call, keyed, page_size(call.request), call.request.get("NextToken"))
    shape = kinds.members(models.service("sagemaker").operation_model(_NAME).output_shape)[_MEMBER]
    element = shape.member if isinstance(shape, ListShape) else None
    answer: Document = {_MEMBER: [kinds.project(element, trial) for trial in page]}
    return answer | ({"NextToken": token} if token else {})


def _now(call: Call, wanted: list[Document], trial: Document) -> Document:
    """Return a trial as its training job is at this moment."""
    if trial["TrainingJobStatus"] in ENDED:
        return trial
    found = call.records.find(TRAINING_JOB, trial["TrainingJobName"])
    if found is None or found.status in ENDED:  # how it ended is told once the tuning job has seen it
        return trial
    return seen(trial, found.doc, wanted[trial["_Definition"]]["TuningObjective"])


def _sorted_by(by: str, trial: Document) -> str | float | datetime:
    match by:
        case "CreationTime":
            created: datetime = trial["CreationTime"]
            return created
        case "Status":
            return str(trial["TrainingJobStatus"])
        case "FinalObjectiveMetricValue":
            return value_of(trial) or 0.0
    return str(trial["TrainingJobName"])
