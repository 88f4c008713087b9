"""SageMaker and its runtimes: the action is the operation, the resource what the request names.

Which kinds there are, and what their ARNs look like, comes from the declarations; which strings are roles to
be passed comes from the service model.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache

from botocore.model import ListShape, Shape, StructureShape

from clary.core.arn import parse as parse_arn
from clary.core.document import Document
from clary.operations.permissions.need import Need
from clary.resources import registry
from clary.resources.spec import Resource
from clary.store.records import Records
from clary.wire import models

_VERB = re.compile(
    r"(Create|Describe|Delete|Update|Stop|Start|Get|Put|Invoke|Retry|Send|Associate|Disassociate|Add|Batch|Query)"
)
_CONDITIONS = {
    "InstanceType": "sagemaker:instancetypes",
    "TrainingInstanceType": "sagemaker:instancetypes",
    "Subnets": "sagemaker:vpcsubnets",
    "SecurityGroupIds": "sagemaker:vpcsecuritygroupids",
    "EnableNetworkIsolation": "sagemaker:networkisolation",
    "EnableInterContainerTrafficEncryption": "sagemaker:intercontainertrafficencryption",
    "VolumeKmsKeyId": "sagemaker:volumekmskey",
    "MaxRuntimeInSeconds": "sagemaker:maxruntimeinseconds",
    "AcceleratorTypes": "sagemaker:acceleratortypes",
    "DirectInternetAccess": "sagemaker:directinternetaccess",
    "RootAccess": "sagemaker:rootaccess",
    "AppNetworkAccessType": "sagemaker:appnetworkaccesstype",
    "TargetModel": "sagemaker:targetmodel",
}
_ALSO = {
    "CreateEndpoint": ("EndpointConfig", "EndpointConfigName"),
    "UpdateEndpoint": ("EndpointConfig", "EndpointConfigName"),
}
"""Operations that AWS authorises on a second resource as well."""


def needs(service: str, operation: str, request: Document, records: Records) -> list[Need]:
    """Return the permissions an operation needs: the action itself, tagging, and every role it passes on."""
    action = f"sagemaker:{operation}"
    found = list(_members(service, operation, request))
    context = _context(found)
    resource = resource_arn(operation, request, records)
    wanted = [Need(action, resource, context)]
    if operation in _ALSO:
        kind, member = _ALSO[operation]
        declared = _kinds().get(kind)
        if declared is not None and isinstance(request.get(member), str):
            wanted.append(Need(action, records.arn(declared, request), context))
    if operation.startswith("Create") and request.get("Tags"):
        wanted.append(Need("sagemaker:AddTags", resource, context))
    roles = dict.fromkeys(str(value) for _, shape, value in found if shape == "RoleArn")
    passing = {"iam:passedtoservice": ("sagemaker.amazonaws.com",), "iam:associatedresourcearn": (resource,)}
    return wanted + [Need("iam:PassRole", role, passing) for role in roles if parse_arn(role)]


def resource_arn(operation: str, request: Document, records: Records) -> str:
    """Return the ARN of what a request is about, or `*` when it names nothing."""
    given = request.get("ResourceArn")
    if isinstance(given, str):
        return given
    kind = _kind(operation, request)
    if kind is None:
        return "*"
    name = request[kind.key()[-1]]
    return name if parse_arn(name) else records.arn(kind, request)


def _kind(operation: str, request: Document) -> Resource | None:
    """Find the declared kind whose key the request has, best the one the operation is called after."""
    if operation.startswith("List") or operation == "Search":
        return None
    noun = _VERB.sub("", operation, count=1)
    complete = [
        kind
        for kind in _kinds().values()
        if all(isinstance(request.get(member), str) for member in kind.key())
    ]
    named = [kind for kind in complete if noun.startswith(kind.kind)]
    return max(named or complete, key=lambda kind: len(kind.kind), default=None)


@cache
def _kinds() -> dict[str, Resource]:
    return {kind: resource for (service, kind), resource in registry.load().items() if service == "sagemaker"}


def _members(service: str, operation: str, request: Document) -> Iterator[tuple[str, str, object]]:
    """Yield (member, shape, value) of every scalar the model knows; free maps are the user's own."""
    shape = models.service(service).operation_model(operation).input_shape
    if shape is not None:
        yield from _walk("", shape, request)


def _walk(member: str, shape: Shape, value: object) -> Iterator[tuple[str, str, object]]:
    if isinstance(shape, StructureShape) and isinstance(value, dict):
        for name, item in value.items():
            if name in shape.members:
                yield from _walk(name, shape.members[name], item)
    elif isinstance(shape, ListShape) and isinstance(value, list):
        for item in value:
            yield from _walk(member, shape.member, item)
    elif isinstance(value, str | int | float):
        yield member, shape.name, value


def _context(found: list[tuple[str, str, object]]) -> dict[str, tuple[str, ...]]:
    context: dict[str, tuple[str, ...]] = {}
    for member, _, value in found:
        key = _CONDITIONS.get(member)
        if key is not None:
            text = str(value).lower() if isinstance(value, bool) else str(value)
            context[key] = (*context.get(key, ()), text)
    return context
