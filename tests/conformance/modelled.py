"""Is an answer one that the service model knows? Written against botocore's models, not against ours."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from botocore.model import ListShape, MapShape, OperationModel, Shape, StructureShape
from botocore.validate import ParamValidator

COMMON = frozenset(
    {
        "AccessDeniedException",
        "ExpiredTokenException",
        "IncompleteSignature",
        "InvalidAction",
        "InvalidClientTokenId",
        "InvalidSignatureException",
        "MissingAuthenticationTokenException",
        "OptInRequired",
        "RequestEntityTooLarge",
        "RequestExpired",
        "SerializationException",
        "ThrottlingException",
        "UnknownOperationException",
        "UnrecognizedClientException",
        "ValidationException",
    }
)
"""What every operation may answer besides its own errors, as the API references say; none is our fault."""

_WRONG_PATTERNS = ("DeviceArn", "DeviceFleetArn", "EdgePackagingJobArn", "EdgeDeploymentPlanArn")
"""Patterns of the model that no ARN of a region with a digit meets, or that name IAM."""


def codes(operation: OperationModel, common: frozenset[str] = COMMON) -> frozenset[str]:
    """Return the error codes that an operation may answer with: its own and the common ones."""
    own = {
        code
        for shape in operation.error_shapes
        for code in (shape.name, shape.metadata.get("error", {}).get("code"))
        if code
    }
    return common | own


def faults(shape: Shape | None, answer: dict[str, Any]) -> list[str]:
    """Return what is wrong with an answer: members missing or unknown, types, values outside enums, ARNs."""
    said = {name: value for name, value in answer.items() if name != "ResponseMetadata"}
    if not isinstance(shape, StructureShape):
        return [f"nothing is modelled, but {sorted(said)} came"] if said else []
    report = ParamValidator().validate(said, shape)
    wrong = [report.generate_report()] if report.has_errors() else []
    return wrong + list(_strangers(shape, said, "")) + list(_outside(shape, said, ""))


def _strangers(shape: StructureShape, value: dict[str, Any], path: str) -> Iterator[str]:
    for name in value.keys() - shape.members.keys():
        if not (shape.is_tagged_union and name == "SDK_UNKNOWN_MEMBER"):
            yield f"{path}.{name} is not modelled"


def _outside(shape: Shape, value: Any, path: str) -> Iterator[str]:
    if isinstance(shape, StructureShape) and isinstance(value, dict):
        for name, item in value.items():
            if name in shape.members:
                yield from _outside(shape.members[name], item, f"{path}.{name}")
    elif isinstance(shape, ListShape) and isinstance(value, list):
        for item in value:
            yield from _outside(shape.member, item, f"{path}[]")
    elif isinstance(shape, MapShape) and isinstance(value, dict):
        for item in value.values():
            yield from _outside(shape.value, item, f"{path}{{}}")
    elif (allowed := shape.metadata.get("enum")) and value not in allowed:
        yield f"{path} is {value!r}, which is not one of the values the model has"
    elif isinstance(value, str) and not _fits(shape, value):
        yield f"{path} is {value!r}, which is not like {shape.metadata['pattern']}"


def _fits(shape: Shape, value: str) -> bool:
    pattern = shape.metadata.get("pattern") if shape.name.endswith("Arn") else None
    return not pattern or shape.name in _WRONG_PATTERNS or re.fullmatch(pattern, value) is not None
