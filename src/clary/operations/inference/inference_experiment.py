"""What calls about inference experiments decide; the rest is `crud`'s."""

from __future__ import annotations

from clary.core.document import Document
from clary.operations import none_yet
from clary.operations.registry import Call, completes
from clary.resources.inference.inference_experiment import INFERENCE_EXPERIMENT


@completes("sagemaker", "CreateInferenceExperiment")
def created(call: Call) -> Document:
    """Say which endpoint an experiment is about, and that no variant of it is deployed."""
    return {
        "InferenceExperimentArn": call.records.arn(INFERENCE_EXPERIMENT, call.request),
        "EndpointMetadata": {"EndpointName": call.request["EndpointName"]},
        **variants(call),
        **none_yet.at_once(call, "CompletionTime"),
    }


@completes("sagemaker", "UpdateInferenceExperiment")
def variants(call: Call) -> Document:
    """Say of every variant that it is not deployed: of all statuses there are, `Deleted` comes nearest."""
    named = call.request.get("ModelVariants")
    return {"ModelVariants": [{**variant, "Status": "Deleted"} for variant in named]} if named else {}


none_yet.unbuilt("StartInferenceExperiment", INFERENCE_EXPERIMENT)
