"""The tuning jobs that a new one starts from: evidence/tuning-jobs.md."""

from __future__ import annotations

from clary.core.document import Document
from clary.core.errors import ValidationError
from clary.engines.tuning.space import names
from clary.engines.tuning.trial_request import OBJECTIVE
from clary.engines.tuning.trials import definitions
from clary.engines.tuning.warm_start import IDENTICAL
from clary.operations.registry import Call
from clary.resources.tuning.hyper_parameter_tuning_job import HYPER_PARAMETER_TUNING_JOB
from clary.store.records import Record

ENDED = ("Completed", "Stopped")


def parents(call: Call) -> list[Record]:
    """Return the parents that a request names."""
    listed = call.request.get("WarmStartConfig", {}).get("ParentHyperParameterTuningJobs", ())
    return [call.records.get(HYPER_PARAMETER_TUNING_JOB, each) for each in listed]


def check_parents(call: Call, given: list[Document]) -> int:
    """Refuse parents that the new job cannot go on from; return how many training jobs they count as."""
    config = call.request["WarmStartConfig"]
    listed = [each.get("HyperParameterTuningJobName") for each in config["ParentHyperParameterTuningJobs"]]
    if None in listed:
        raise ValidationError("Each of ParentHyperParameterTuningJobs needs a HyperParameterTuningJobName.")
    if len(set(listed)) < len(listed):
        raise ValidationError("ParentHyperParameterTuningJobs names a tuning job twice; name each once.")
    if len(given) > 1:
        raise ValidationError("A tuning job with several TrainingJobDefinitions cannot be warm started.")
    found = parents(call)
    for parent in found:
        _check(parent, given[0], identical=config["WarmStartType"] == IDENTICAL)
    return sum(len(parent.doc.get("_Trials", ())) for parent in found)


def _check(parent: Record, given: Document, *, identical: bool) -> None:
    where = f"The parent tuning job {parent.name}"
    if parent.status not in ENDED:
        raise ValidationError(f"{where} is {parent.status}; a parent must be Completed or Stopped.")
    theirs = definitions(parent.doc)
    if len(theirs) > 1:
        raise ValidationError(f"{where} has several TrainingJobDefinitions; name one that has a single one.")
    if theirs[0]["TuningObjective"] != given["TuningObjective"]:
        raise ValidationError(
            f"{where} has the objective {_words(theirs[0])}, the new one {_words(given)}; they "
            "must be the same."
        )
    if _count(theirs[0]) != _count(given):
        raise ValidationError(
            f"{where} has {_count(theirs[0])} static and tunable hyperparameters, the new one "
            f"{_count(given)}; the total number must remain the same."
        )
    members = ("AlgorithmSpecification", "TrainingImage"), ("InputDataConfig",)
    if identical and any(_at(theirs[0], path) != _at(given, path) for path in members):
        raise ValidationError(
            f"{where} has other input data or another training image. With {IDENTICAL} both must be the "
            "same; use TransferLearning."
        )


def _count(definition: Document) -> int:
    static = definition.get("StaticHyperParameters", {}).keys() - {OBJECTIVE}
    return len(names(definition["HyperParameterRanges"])) + len(static)


def _words(definition: Document) -> str:
    objective = definition["TuningObjective"]
    return f"{objective['Type']} {objective['MetricName']}"


def _at(definition: Document, path: tuple[str, ...]) -> object:
    value: object = definition
    for part in path:
        value = value.get(part) if isinstance(value, dict) else None
    return value
