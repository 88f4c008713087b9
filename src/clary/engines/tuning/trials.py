"""The trials of a tuning job, as its record keeps them: a training job's summary, and what `_` members add.

`_Number` counts from 1, `_Definition` says which of the definitions, `_Marks` what the objective was on the
way (`engines.tuning.marks`).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from clary.core.document import Document
from clary.engines.tuning import autotune
from clary.engines.tuning.space import Tuned

ENDED = frozenset({"Completed", "Failed", "Stopped"})
FINAL = "FinalHyperParameterTuningJobObjectiveMetric"
RETRYABLE = ("InternalServerError", "CapacityError")  # Whose fault a failure is, as FailureReason begins.


def definitions(doc: Document) -> list[Document]:
    """Return the training job definitions of a tuning job, each with its objective and ranges.

    `_Asked` keeps them as they were asked for; Describe tells what is filled in besides.
    """
    config = doc["HyperParameterTuningJobConfig"]
    given = doc.get("_Asked") or doc.get("TrainingJobDefinitions") or [doc["TrainingJobDefinition"]]
    found = [
        {
            "TuningObjective": config.get("HyperParameterTuningJobObjective"),
            "HyperParameterRanges": config.get("ParameterRanges", {}),
            **{name: value for name, value in each.items() if value is not None},
        }
        for each in given
    ]
    return [autotune.resolved(each) for each in found] if "Autotune" in doc else found


def value_of(trial: Document) -> float | None:
    """Return a trial's objective, None while it has none."""
    final = trial.get(FINAL)
    return None if final is None else float(final["Value"])


def cost_of(trial: Document) -> float | None:
    """Return a trial's objective as something to make small."""
    value = value_of(trial)
    if value is None:
        return None
    return -value if trial[FINAL].get("Type") == "Maximize" else value


def best(trials: Iterable[Document]) -> Document | None:
    """Return the trial with the best objective, the first one of equals."""
    known = [(cost, trial) for trial in trials if (cost := cost_of(trial)) is not None]
    return min(known, key=lambda pair: pair[0])[1] if known else None


def running(trials: Iterable[Document]) -> list[Document]:
    """Return the trials that have not ended."""
    return [trial for trial in trials if trial["TrainingJobStatus"] not in ENDED]


def tuned_by(trials: Iterable[Document], definition: int) -> list[Tuned]:
    """Return the hyperparameters that one definition's trials have."""
    return [trial["TunedHyperParameters"] for trial in trials if trial.get("_Definition", 0) == definition]


def counters(trials: Sequence[Document]) -> Document:
    """Return how many trials are in which state."""
    jobs = dict.fromkeys(("Completed", "InProgress", "RetryableError", "NonRetryableError", "Stopped"), 0)
    objectives = dict.fromkeys(("Succeeded", "Pending", "Failed"), 0)
    for trial in trials:
        status = trial["TrainingJobStatus"]
        if status == "Failed":
            retryable = str(trial.get("FailureReason", "")).startswith(RETRYABLE)
            status = "RetryableError" if retryable else "NonRetryableError"
        jobs[status if status in jobs else "InProgress"] += 1
        objectives[trial["ObjectiveStatus"]] += 1
    return {"TrainingJobStatusCounters": jobs, "ObjectiveStatusCounters": objectives}


def seen(trial: Document, job: Document | None, objective: Document) -> Document:
    """Return a trial as its training job now is; one that was deleted has failed."""
    if job is None:
        gone = "ClientError: The training job was deleted before the tuning job had seen its end."
        return {**trial, "TrainingJobStatus": "Failed", "ObjectiveStatus": "Failed", "FailureReason": gone}
    told = {**trial, "TrainingJobStatus": job["TrainingJobStatus"]}
    for member in ("CreationTime", "TrainingStartTime", "TrainingEndTime", "FailureReason"):
        if job.get(member) is not None:
            told[member] = job[member]
    if job["TrainingJobStatus"] not in ENDED:
        return told
    name = objective["MetricName"]
    values = [each["Value"] for each in job.get("FinalMetricDataList", ()) if each["MetricName"] == name]
    if values and job["TrainingJobStatus"] != "Failed":
        told[FINAL] = {"Type": objective["Type"], "MetricName": name, "Value": values[-1]}
    return told | {"ObjectiveStatus": "Succeeded" if FINAL in told else "Failed"}
