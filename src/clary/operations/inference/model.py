"""What calls about models decide; keeping, describing, listing and deleting them is `crud`'s."""

from __future__ import annotations

from collections.abc import Sequence

from clary.core.document import Document
from clary.core.errors import ValidationError
from clary.operations import references
from clary.operations.model_registry import packaged
from clary.operations.registry import Call, before, completes

_UNBUILT_CONTAINER = {
    "AdditionalModelDataSources": "put everything into one model archive.",
    "ContainerMetricsConfig": "leave it out.",
}


@before("sagemaker", "CreateModel")
def check(call: Call) -> None:
    """Refuse a model that could not be served as it is."""
    request = call.request
    containers = request.get("Containers", [])
    if ("PrimaryContainer" in request) == bool(containers):
        raise ValidationError("Give exactly one of PrimaryContainer and Containers.")
    if "ExecutionRoleArn" not in request:
        raise ValidationError("ExecutionRoleArn is missing: name the role that may read the model's data.")
    references.role(call, request["ExecutionRoleArn"])
    given = containers or [request["PrimaryContainer"]]
    whole = [each for container in given for each in packaged.unpacked(call, container)]
    _check_hostnames(whole, request.get("InferenceExecutionConfig", {}).get("Mode", "Serial"))
    for container in whole:
        _check_container(call, container)
        if container.get("Mode") == "MultiModel":
            _check_many(call, container, alone=len(whole) == 1)
        elif "MultiModelConfig" in container:
            raise ValidationError("MultiModelConfig goes with a container whose Mode is MultiModel.")


def refuse_many(model: Document, what: str) -> None:
    """Refuse a multi-model model where a request cannot say which of them it is for."""
    if any(container.get("Mode") == "MultiModel" for container in packaged.containers_of(model)):
        raise ValidationError(
            f"The model {model['ModelName']!r} is a multi-model one, which {what} do not take: a request "
            "there names no TargetModel. Use a model whose container has the Mode SingleModel."
        )


@completes("sagemaker", "CreateModel")
def keep_contents(call: Call) -> Document:
    """Keep what a model package holds now: the model serves that, whatever becomes of the package."""
    containers = packaged.containers_of(call.request)
    if not any("ModelPackageName" in container for container in containers):
        return {}
    return {
        packaged.CONTENTS: [each for container in containers for each in packaged.unpacked(call, container)]
    }


def _check_hostnames(containers: Sequence[Document], mode: str) -> None:
    """Refuse containers that cannot be told apart: all of several are named, or none is."""
    names = [container["ContainerHostname"] for container in containers if "ContainerHostname" in container]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise ValidationError(f"Containers has more than one ContainerHostname {twice[0]!r}.")
    if names and len(names) < len(containers):
        raise ValidationError("Give every one of the Containers a ContainerHostname, or none of them.")
    if mode == "Direct" and not names:
        raise ValidationError(
            "InferenceExecutionConfig's Mode Direct needs Containers with a ContainerHostname each: "
            "InvokeEndpoint names one of them as its TargetContainerHostname."
        )


def _check_container(call: Call, container: Document) -> None:
    references.refuse(container, _UNBUILT_CONTAINER, "The container's ")
    if container.get("ImageConfig", {}).get("RepositoryAccessMode", "Platform") != "Platform":
        raise ValidationError("The container's ImageConfig asks for a private registry; leave it out.")
    if "Image" not in container:
        raise ValidationError("The container has no Image.")
    references.image(call, container["Image"])
    source = container.get("ModelDataSource", {}).get("S3DataSource")
    if source and "ModelDataUrl" in container:
        raise ValidationError("Give at most one of ModelDataUrl and ModelDataSource.")
    if source:
        _check_source(call, source)
    elif "ModelDataUrl" in container and container.get("Mode") != "MultiModel":
        references.model_data(call, container["ModelDataUrl"])


def _check_many(call: Call, container: Document, *, alone: bool) -> None:
    """Refuse a container of many models that has no place to take them from. evidence/multi-model.md"""
    if not alone:
        raise ValidationError(
            "Clary serves a container of the Mode MultiModel alone: give the model no other container."
        )
    if "ModelDataSource" in container:
        raise ValidationError("A container of the Mode MultiModel takes its models from a ModelDataUrl.")
    if "ModelDataUrl" not in container:
        raise ValidationError(
            "A container of the Mode MultiModel needs a ModelDataUrl: the prefix in S3 of its models."
        )
    references.bucket(call, container["ModelDataUrl"], "ModelDataUrl")


def _check_source(call: Call, source: Document) -> None:
    where = "ModelDataSource.S3DataSource"
    references.refuse(
        source, {"HubAccessConfig": "leave it out.", "ManifestS3Uri": "leave it out."}, f"{where}."
    )
    if source["S3DataType"] == "S3Object":
        references.model_data(call, source["S3Uri"])
        return
    if source["CompressionType"] != "None":
        raise ValidationError(f"{where} has the S3DataType S3Prefix, which goes with CompressionType None.")
    if not source["S3Uri"].endswith("/"):
        raise ValidationError(
            f"{where}.S3Uri is {source['S3Uri']!r}; with S3Prefix it must end with a slash."
        )
    references.model_prefix(call, source["S3Uri"])
