"""AutoML jobs: two ways to create and to describe one kind of record."""

from __future__ import annotations

from clary.core.document import Document
from clary.core.errors import ValidationError
from clary.operations import crud, none_yet, references
from clary.operations.kinds import of, project
from clary.operations.registry import Call, before, completes, operation
from clary.resources.automl.auto_ml_job import AUTO_ML_JOB
from clary.wire import models

_PROBLEM = "AutoMLProblemTypeConfig"  # Only the second Create takes it: it tells the two apart.
_TABULAR = ("CompletionCriteria", "CandidateGenerationConfig", "Mode")


@before("sagemaker", "CreateAutoMLJob")
@before("sagemaker", "CreateAutoMLJobV2")
def check(call: Call) -> None:
    """Refuse a role that cannot be passed on, and a second problem."""
    problems = call.request.get(_PROBLEM, {"": {}})
    if len(problems) != 1:
        raise ValidationError(f"{_PROBLEM} has {len(problems)} members; give exactly one.")
    references.role(call, call.request["RoleArn"])


@completes("sagemaker", "CreateAutoMLJobV2")
def named_problem(call: Call) -> Document:
    """Say which kind of problem the configuration is about."""
    [problem] = call.request[_PROBLEM]
    ended = none_yet.at_once(call, "EndTime")
    return {f"{_PROBLEM}Name": str(problem).removesuffix("JobConfig"), **ended}


@operation("sagemaker", "CreateAutoMLJobV2", level="stored")
def create_second(call: Call) -> Document:
    """Keep a job of either problem type under the same names as the first operation's."""
    return crud.create(of(AUTO_ML_JOB), call)


@operation("sagemaker", "DescribeAutoMLJob", level="stored")
def describe(call: Call) -> Document:
    """Describe a job that CreateAutoMLJob made. evidence/automl-describe.md"""
    kind = of(AUTO_ML_JOB)
    doc = crud.named(kind, call).doc
    if _PROBLEM in doc:
        raise ValidationError(
            f"The AutoML job {doc['AutoMLJobName']} was created by CreateAutoMLJobV2: describe it with "
            "DescribeAutoMLJobV2."
        )
    return crud.described(kind, doc)


@operation("sagemaker", "DescribeAutoMLJobV2", level="stored")
def describe_second(call: Call) -> Document:
    """Describe a job of either Create operation. evidence/automl-describe.md"""
    doc = crud.named(of(AUTO_ML_JOB), call).doc
    shape = models.service("sagemaker").operation_model("DescribeAutoMLJobV2").output_shape
    return project(shape, doc if _PROBLEM in doc else _translated(doc))


none_yet.ended("CreateAutoMLJob", "EndTime")
none_yet.listed("ListCandidatesForAutoMLJob", AUTO_ML_JOB)


def _translated(doc: Document) -> Document:
    """Return what CreateAutoMLJob took as CreateAutoMLJobV2 would have."""
    config, channels = doc.get("AutoMLJobConfig", {}), doc["InputDataConfig"]
    tabular = {name: config[name] for name in _TABULAR if name in config}
    for name in ("ProblemType", "GenerateCandidateDefinitionsOnly"):
        tabular |= {name: doc[name]} if name in doc else {}
    for name in ("TargetAttributeName", "SampleWeightAttributeName"):
        tabular |= {name: channels[0][name]} if name in channels[0] else {}
    moved = {name: config[name] for name in ("SecurityConfig", "DataSplitConfig") if name in config}
    return {
        **doc,
        **moved,
        "AutoMLJobInputDataConfig": channels,
        _PROBLEM: {"TabularJobConfig": tabular},
        f"{_PROBLEM}Name": "Tabular",
    }
