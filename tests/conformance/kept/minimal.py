"""Requests with nothing but what a service model requires, and answers held against the model."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from botocore.model import ListShape, MapShape, OperationModel, Shape, StructureShape

ACCOUNT = "000000000000"
ROLE = f"arn:aws:iam::{ACCOUNT}:role/SageMakerExecutionRole"
IMAGE = "683313688378.dkr.ecr.us-east-1.amazonaws.com/sagemaker-xgboost:1.7-1"

_WRONG_PATTERNS = ("DeviceArn", "DeviceFleetArn", "EdgePackagingJobArn", "EdgeDeploymentPlanArn")
"""Patterns of the model that no ARN of a region with a digit meets, or that name IAM."""


def request(operation: OperationModel, given: Mapping[str, Any]) -> dict[str, Any]:
    """Return a least request; `given` names values of members wherever they are in it."""
    if operation.input_shape is None:
        return {}
    top = _value(operation.input_shape, "", given)
    asked = operation.input_shape.members
    return {**top, **{name: value for name, value in given.items() if name in asked}}


def check(shape: Shape | None, value: Any, path: str = "") -> None:
    """Fail where a value lacks what its shape requires, or is none of its enum, or not an ARN of its form."""
    if isinstance(shape, StructureShape):
        missing = set(shape.required_members) - set(value)
        assert not missing, f"{path} lacks {sorted(missing)}"
        for name, item in value.items():
            if name in shape.members:
                check(shape.members[name], item, f"{path}.{name}")
    elif isinstance(shape, ListShape):
        for item in value:
            check(shape.member, item, f"{path}[]")
    elif shape is not None and shape.type_name == "string":
        if allowed := shape.metadata.get("enum"):
            assert value in allowed, f"{path} is {value}"
        pattern = shape.metadata.get("pattern")
        if pattern and shape.name.endswith("Arn") and shape.name not in _WRONG_PATTERNS:
            assert re.fullmatch(pattern, value), f"{path} is {value}, not like {pattern}"


def _value(shape: Shape, name: str, given: Mapping[str, Any]) -> Any:
    if name in given:
        return given[name]
    if isinstance(shape, StructureShape):
        union = list(shape.members)[:1] if shape.is_tagged_union else shape.required_members
        return {member: _value(shape.members[member], member, given) for member in union}
    if isinstance(shape, ListShape):
        return [_value(shape.member, name, given)] * max(1, shape.metadata.get("min", 1))
    if isinstance(shape, MapShape):
        return {"key": _value(shape.value, name, given)}
    return _scalar(shape, name)


def _scalar(shape: Shape, name: str) -> Any:
    least = shape.metadata.get("min", 1)
    if enum := shape.metadata.get("enum"):
        return enum[0]
    if shape.type_name == "string":
        s3 = "Uri" in name or "S3" in name or "s3" in str(shape.metadata.get("pattern"))
        return "s3://bucket/prefix" if s3 else "x" * max(3, least)
    simple: dict[str, Any] = {
        "timestamp": datetime(2026, 1, 1, tzinfo=UTC),
        "blob": b"{}",
        "boolean": True,
        "integer": max(1, least),
        "long": max(1, least),
        "float": float(max(1, least)),
        "double": float(max(1, least)),
    }
    return simple[shape.type_name]
