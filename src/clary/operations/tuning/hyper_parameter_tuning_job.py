"""What calls about tuning jobs decide; the rest is `crud`'s."""

from __future__ import annotations

from clary.core.errors import ValidationError
from clary.operations import none_yet, references
from clary.operations.registry import Call, before
from clary.resources.tuning.hyper_parameter_tuning_job import HYPER_PARAMETER_TUNING_JOB


@before("sagemaker", "CreateHyperParameterTuningJob")
def check(call: Call) -> None:
    """Refuse a job without a training job to run, or with a role that cannot be passed on."""
    one, many = call.request.get("TrainingJobDefinition"), call.request.get("TrainingJobDefinitions", [])
    if (one is None) == (not many):
        raise ValidationError("Give exactly one of TrainingJobDefinition and TrainingJobDefinitions.")
    for role in dict.fromkeys(definition["RoleArn"] for definition in [*([one] if one else []), *many]):
        references.role(call, role)


none_yet.ended("CreateHyperParameterTuningJob", "HyperParameterTuningEndTime")
none_yet.listed("ListTrainingJobsForHyperParameterTuningJob", HYPER_PARAMETER_TUNING_JOB)
