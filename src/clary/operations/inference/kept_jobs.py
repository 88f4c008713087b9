"""What calls about jobs around models decide, which are kept and not run; the rest is `crud`'s."""

from __future__ import annotations

from clary.core.document import Document
from clary.core.errors import ValidationError
from clary.operations import none_yet, references
from clary.operations.registry import Call, before, completes, operation
from clary.resources.inference.inference_recommendations_job import INFERENCE_RECOMMENDATIONS_JOB


@before("sagemaker", "CreateCompilationJob")
def check_compilation(call: Call) -> None:
    """Refuse a job without a model, and a role that cannot be passed on."""
    request = call.request
    if ("InputConfig" in request) == ("ModelPackageVersionArn" in request):
        raise ValidationError("Give exactly one of InputConfig and ModelPackageVersionArn.")
    references.role(call, request["RoleArn"])


@before("sagemaker", "CreateOptimizationJob")
@before("sagemaker", "CreateInferenceRecommendationsJob")
def check_role(call: Call) -> None:
    """Refuse a role that cannot be passed on."""
    references.role(call, call.request["RoleArn"])


@completes("sagemaker", "CreateOptimizationJob")
def techniques(call: Call) -> Document:
    """Name the techniques a job applies: `Quantization` for a `ModelQuantizationConfig`."""
    applied = {name for config in call.request["OptimizationConfigs"] for name in config}
    names = sorted(name.removeprefix("Model").removesuffix("Config") for name in applied)
    return {"OptimizationTypes": names, **none_yet.at_once(call, "OptimizationEndTime")}


@completes("sagemaker", "CreateInferenceRecommendationsJob")
def described(call: Call) -> Document:
    """Give a job a description, which its summary has to have."""
    description = call.request.get("JobDescription", "")
    return {"JobDescription": description, **none_yet.at_once(call, "CompletionTime")}


@operation("sagemaker", "GetScalingConfigurationRecommendation", level="stored")
def scaling(call: Call) -> Document:
    """Refuse: a recommendation comes from a job that has completed, and none does."""
    asked = {"JobName": call.request["InferenceRecommendationsJobName"]}
    job = call.records.get(INFERENCE_RECOMMENDATIONS_JOB, asked)
    raise ValidationError(
        f"The inference recommendations job {job.name} is {job.status}; a scaling configuration is "
        "recommended from a job that is COMPLETED."
    )


none_yet.ended("CreateCompilationJob", "CompilationEndTime")
none_yet.listed("ListInferenceRecommendationsJobSteps", INFERENCE_RECOMMENDATIONS_JOB)
none_yet.listed("ListModelMetadata")
