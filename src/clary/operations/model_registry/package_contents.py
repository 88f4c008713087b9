"""What a model package is made of: where its containers come from, and whether they are there."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from functools import partial

from clary.core.arn import parse
from clary.core.document import Document
from clary.core.errors import ValidationError
from clary.operations import crud, references
from clary.operations.kinds import of
from clary.operations.model_registry import packaged
from clary.operations.model_registry.packaged import find
from clary.operations.registry import Call
from clary.resources.inference.model import MODEL
from clary.resources.model_registry.algorithm import ALGORITHM

_CLONED = (
    "InferenceSpecification",
    "AdditionalInferenceSpecifications",
    "ModelMetrics",
    "DriftCheckBaselines",
    "Domain",
    "Task",
    "SamplePayloadUrl",
    "CustomerMetadataProperties",
    "ModelPackageDescription",
)
_FROM_MODEL = ("Image", "ModelDataUrl", "ModelDataSource", "Environment", "ContainerHostname")


def sourced(call: Call) -> Document:
    """Return the request with what its source adds: an algorithm, a model or another package."""
    request = call.request
    if "SourceAlgorithmSpecification" in request:
        if "InferenceSpecification" in request:
            raise ValidationError(
                "Give at most one of InferenceSpecification and SourceAlgorithmSpecification."
            )
        return {**request, "InferenceSpecification": _by_algorithm(call)}
    source = parse(request.get("SourceUri", ""))
    if source is None or source.service != "sagemaker" or source.account != call.account:
        return request  # The source is a name for people, or nothing that this account may read.
    if source.resource.startswith("model-package/"):
        package = find(call, str(source)).doc
        return {**{member: package[member] for member in _CLONED if member in package}, **request}
    if source.resource.startswith("model/") and "InferenceSpecification" not in request:
        return {**request, "InferenceSpecification": {"Containers": _of_model(call, str(source))}}
    return request


def checked(call: Call, doc: Document) -> Document:
    """Return the status that a package's contents earn: Completed, or Failed with what is not there."""
    skipped = doc.get("SkipModelValidation") == "All"
    images, data = ([], []) if skipped else problems(call, _containers(doc))
    details = {"ValidationStatuses": data, "ImageScanStatuses": images}
    status = "Failed" if images or data else "Completed"
    return {"ModelPackageStatus": status, "ModelPackageStatusDetails": details}


def problems(call: Call, containers: Iterable[Document]) -> tuple[list[Document], list[Document]]:
    """Return which containers' images, and which containers' data, are not there."""
    images: list[Document] = []
    data: list[Document] = []
    for number, container in enumerate(containers, 1):
        name = container.get("ContainerHostname") or f"container-{number}"
        if "Image" in container:
            images += _failure(name, partial(references.image, call, container["Image"]))
        data += _failure(name, partial(data_of, call, container))
    return images, data


def data_of(call: Call, container: Document) -> None:
    """Refuse a container whose model data is not there."""
    if source := container.get("ModelDataSource", {}).get("S3DataSource"):
        whole = references.model_prefix if source["S3DataType"] == "S3Prefix" else references.model_data
        whole(call, source["S3Uri"])
    if "ModelDataUrl" in container:
        references.model_data(call, container["ModelDataUrl"])


def _containers(doc: Document) -> Iterator[Document]:
    more = doc.get("AdditionalInferenceSpecifications", ())
    for specification in (doc.get("InferenceSpecification") or {}, *more):
        yield from specification.get("Containers", ())


def _failure(name: str, check: Callable[[], None]) -> list[Document]:
    try:
        check()
    except ValidationError as error:
        return [{"Name": name, "Status": "Failed", "FailureReason": error.message}]
    return []


def _by_algorithm(call: Call) -> Document:
    [source] = call.request["SourceAlgorithmSpecification"]["SourceAlgorithms"]
    algorithm = crud.named(of(ALGORITHM), replace(call, request={"AlgorithmName": source["AlgorithmName"]}))
    specification: Document | None = algorithm.doc.get("InferenceSpecification")
    if specification is None:
        raise ValidationError(
            f"The algorithm {algorithm.arn} has no InferenceSpecification, so no model can be served with it."
        )
    data = {member: source[member] for member in ("ModelDataUrl", "ModelDataSource") if member in source}
    containers = [{**container, **data} for container in specification["Containers"]]
    return {**specification, "Containers": containers}


def _of_model(call: Call, arn: str) -> list[Document]:
    model = call.records.by_arn(arn)
    if model is None:
        raise call.records.missing(MODEL, {"ModelName": arn.rpartition("/")[2]})
    containers = packaged.containers_of(model.doc)
    return [{member: each[member] for member in _FROM_MODEL if member in each} for each in containers]
