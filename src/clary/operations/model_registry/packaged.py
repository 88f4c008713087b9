"""Models made of model packages: which container a package's name stands for."""

from __future__ import annotations

from dataclasses import replace

from clary.core.document import Document
from clary.core.errors import ValidationError
from clary.operations import crud
from clary.operations.kinds import of
from clary.operations.registry import Call
from clary.resources.model_registry.model_package import MODEL_PACKAGE
from clary.store.records import Record

CONTENTS = "_Containers"  # The member of a model that keeps its containers without packages' names.
_NAMES = ("ModelPackageName", "InferenceSpecificationName")
_TAKEN = (
    "Image",
    "ModelDataUrl",
    "ModelDataSource",
    "AdditionalModelDataSources",
    "Environment",
    "ContainerHostname",
)


def find(call: Call, name: str) -> Record:
    """Return the package that a name, a group's name and version, or an ARN means; an absent one raises."""
    return crud.named(of(MODEL_PACKAGE), replace(call, request={"ModelPackageName": name}))


def containers_of(model: Document) -> list[Document]:
    """Return a model's containers, without packages' names once it is created."""
    containers: list[Document] = model.get(CONTENTS) or model.get("Containers") or [model["PrimaryContainer"]]
    return containers


def unpacked(call: Call, container: Document) -> list[Document]:
    """Return a container with the image and data of the package it names, and that package's ARN.

    The container's own environment is laid over the package's. A package of several containers is a pipeline
    of them, each as it is packed.
    """
    if "ModelPackageName" not in container:
        if "InferenceSpecificationName" in container:
            raise ValidationError("InferenceSpecificationName goes with a ModelPackageName.")
        return [container]
    if twice := {"Image", "ModelDataUrl", "ModelDataSource"} & set(container):
        raise ValidationError(f"Give at most one of ModelPackageName and {sorted(twice)[0]}.")
    package = find(call, container["ModelPackageName"])
    _check_usable(package)
    own = {name: value for name, value in container.items() if name not in _NAMES}
    contents = _specification(package, container.get("InferenceSpecificationName"))["Containers"]
    if own and len(contents) > 1:
        raise ValidationError(
            f"The model package {package.arn} has {len(contents)} containers; leave out "
            f"{', '.join(sorted(own))}, which could be any one's."
        )
    return [_laid_over(packed, own, package.arn) for packed in contents]


def _laid_over(packed: Document, own: Document, package: str) -> Document:
    environment = {**packed.get("Environment", {}), **own.get("Environment", {})}
    taken = {name: packed[name] for name in _TAKEN if name in packed}
    named: Document = {"ModelPackageName": package}
    return {**taken, **own, **named, **({"Environment": environment} if environment else {})}


def _check_usable(package: Record) -> None:
    if package.status != "Completed":
        raise ValidationError(
            f"The model package {package.arn} is {package.status}; only a Completed one makes a model. "
            "DescribeModelPackage says what is wrong in ModelPackageStatusDetails."
        )
    approval = package.doc.get("ModelApprovalStatus")
    if "ModelPackageVersion" in package.doc and approval != "Approved":
        raise ValidationError(  # evidence/model-package-approval.md
            f"The model package {package.arn} has the ModelApprovalStatus {approval}; a version must be "
            "Approved to be deployed. UpdateModelPackage approves it."
        )


def _specification(package: Record, name: str | None) -> Document:
    if name is None:
        specification: Document | None = package.doc.get("InferenceSpecification")
        if specification is None:
            raise ValidationError(f"The model package {package.arn} has no InferenceSpecification.")
        return specification
    for each in package.doc.get("AdditionalInferenceSpecifications", ()):
        if each["Name"] == name:
            found: Document = each
            return found
    raise ValidationError(f"The model package {package.arn} has no inference specification called {name!r}.")
