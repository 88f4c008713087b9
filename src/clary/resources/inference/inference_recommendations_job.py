"""Inference recommendations jobs: a model measured on several instance types."""

from clary.resources.registry import register
from clary.resources.spec import Resource, not_run

INFERENCE_RECOMMENDATIONS_JOB = register(
    Resource(
        kind="InferenceRecommendationsJob",
        identity=("JobName",),
        arn="inference-recommendations-job/{JobName}",
        arn_member="JobArn",
        status="Status",
        initial=not_run(
            "Status",
            "inference recommendations jobs",
            failed="FAILED",
            instead="Deploy the model on the instance types in question, call it, and compare ModelLatency.",
        ),
        filters={
            "ModelNameEquals": "InputConfig.ModelName",
            "ModelPackageVersionArnEquals": "InputConfig.ModelPackageVersionArn",
        },
        summary={
            "ModelName": "InputConfig.ModelName",
            "ModelPackageVersionArn": "InputConfig.ModelPackageVersionArn",
            "SamplePayloadUrl": "InputConfig.ContainerConfig.PayloadConfig.SamplePayloadUrl",
        },
    )
)
