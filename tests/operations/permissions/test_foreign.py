"""Wherever a request may name another account's resource, a permission on that resource is needed."""

from __future__ import annotations

from pathlib import Path

import pytest
from botocore.model import ListShape, Shape, StructureShape
from tests.operations.permissions.test_needs import BOB, THEIRS
from tests.store.opened import records

from clary.core.document import Document
from clary.operations.permissions.needs import needs
from clary.operations.permissions.places import Place, places
from clary.wire import models

MODEL = f"{THEIRS}:model/m"
SERVICES = ("sagemaker", "sagemaker-runtime", "sagemaker-metrics", "sagemaker-featurestore-runtime")


def request(shape: Shape, path: tuple[str, ...], value: str) -> Document:
    """Return the smallest request that says a value at a place."""
    built: object = value
    for step in range(len(path), 0, -1):
        inner = shape
        for member in path[:step]:
            while isinstance(inner, ListShape):
                inner = inner.member
            assert isinstance(inner, StructureShape)
            inner = inner.members[member]
        while isinstance(inner, ListShape):
            built, inner = [built], inner.member
        built = {path[step - 1]: built}
    assert isinstance(built, dict)
    return built


def spoken(service: str) -> list[tuple[str, Place]]:
    operations = models.service(service).operation_names
    return [(name, place) for name in operations for place in places(service, name) if place.kind == "string"]


def pattern(service: str, place: Place) -> str:
    return str(models.service(service).shape_for(place.shape).metadata.get("pattern", ""))


@pytest.mark.parametrize("service", SERVICES)
def test_every_member_that_takes_an_arn_of_sagemaker_is_read_as_one(service: str) -> None:
    for operation, place in spoken(service):
        if ":sagemaker:" in pattern(service, place):
            assert place.naming, f"{operation} {place.dotted}"


@pytest.mark.parametrize("service", SERVICES)
def test_another_account_s_arn_is_asked_about_wherever_it_stands(service: str, tmp_path: Path) -> None:
    store = records(tmp_path)
    for operation, place in spoken(service):
        shape = models.service(service).operation_model(operation).input_shape
        if place.naming and shape is not None and place.member != "ModelPackageGroupName":
            found = needs(service, operation, request(shape, place.path, MODEL), BOB, store)
            assert MODEL in [need.resource for need in found], f"{operation} {place.dotted}"


def test_another_account_s_group_is_asked_about_as_the_group_or_as_all_its_versions(tmp_path: Path) -> None:
    store, group = records(tmp_path), f"{THEIRS}:model-package-group/g"
    for operation, place in spoken("sagemaker"):
        shape = models.service("sagemaker").operation_model(operation).input_shape
        if place.member == "ModelPackageGroupName" and shape is not None:
            found = needs("sagemaker", operation, request(shape, place.path, group), BOB, store)
            assert {group, f"{THEIRS}:model-package/g/*"} & {need.resource for need in found}, operation


@pytest.mark.parametrize("service", SERVICES)
def test_every_operation_needs_something(service: str, tmp_path: Path) -> None:
    store = records(tmp_path)
    for operation in models.service(service).operation_names:
        assert needs(service, operation, {}, BOB, store), operation
