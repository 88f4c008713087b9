"""What calls about algorithms decide: an algorithm is Completed when its images and data are there."""

from __future__ import annotations

from clary.core.document import Document
from clary.operations import references
from clary.operations.model_registry import algorithm_specification, package_contents
from clary.operations.registry import Call, before, completes

_UNBUILT = {
    "CertifyForMarketplace": "there is no marketplace to certify it for; leave it out.",
    "ValidationSpecification": "the jobs that would validate the algorithm are not run. Leave it out, and "
    "try the algorithm by a training job with its AlgorithmName.",
}


@before("sagemaker", "CreateAlgorithm")
def check(call: Call) -> None:
    """Refuse what cannot be honoured, and what contradicts itself."""
    references.refuse(call.request, _UNBUILT)
    algorithm_specification.check(call.request["TrainingSpecification"])


@completes("sagemaker", "CreateAlgorithm")
def status(call: Call) -> Document:
    """Say whether all that the algorithm consists of is there."""
    served = call.request.get("InferenceSpecification", {}).get("Containers", [])
    trained = {
        "ContainerHostname": "training",
        "Image": call.request["TrainingSpecification"]["TrainingImage"],
    }
    images, data = package_contents.problems(call, [trained, *served])
    return {
        "AlgorithmStatus": "Failed" if images or data else "Completed",
        "AlgorithmStatusDetails": {"ValidationStatuses": data, "ImageScanStatuses": images},
    }
