"""SQS's older protocol, query: its model now speaks of JSON alone, but older clients still send forms.

How members were called there: evidence/sqs.md.
"""

from __future__ import annotations

import copy
from typing import Any

from botocore.model import OperationModel, ServiceModel, StructureShape

from clary.core.document import Document
from clary.core.errors import ApiError
from clary.wire.memo import PerService

NAMESPACE = "http://queue.amazonaws.com/doc/2012-11-05/"

_NAMES = {
    "AttributeNames": "AttributeName",
    "Attributes": "Attribute",
    "AWSAccountIds": "AWSAccountId",
    "Actions": "ActionName",
    "MessageAttributeNames": "MessageAttributeName",
    "MessageAttributes": "MessageAttribute",
    "MessageSystemAttributeNames": "MessageSystemAttributeName",
    "MessageSystemAttributes": "MessageSystemAttribute",
    "Messages": "Message",
    "QueueUrls": "QueueUrl",
    "queueUrls": "QueueUrl",
    "StringListValues": "StringListValue",
    "BinaryListValues": "BinaryListValue",
    "TagKeys": "TagKey",
    "Tags": "Tag",
    "tags": "Tag",
}
"""What a form calls the members that repeat; lists of structures are called after what is in them."""

_QUERY_CODES = {
    "AccessDeniedException": "AccessDenied",
    "BatchEntryIdsNotDistinct": "AWS.SimpleQueueService.BatchEntryIdsNotDistinct",
    "BatchRequestTooLong": "AWS.SimpleQueueService.BatchRequestTooLong",
    "EmptyBatchRequest": "AWS.SimpleQueueService.EmptyBatchRequest",
    "InvalidBatchEntryId": "AWS.SimpleQueueService.InvalidBatchEntryId",
    "MessageNotInflight": "AWS.SimpleQueueService.MessageNotInflight",
    "PurgeQueueInProgress": "AWS.SimpleQueueService.PurgeQueueInProgress",
    "QueueDeletedRecently": "AWS.SimpleQueueService.QueueDeletedRecently",
    "QueueDoesNotExist": "AWS.SimpleQueueService.NonExistentQueue",
    "QueueNameExists": "QueueAlreadyExists",
    "TooManyEntriesInBatchRequest": "AWS.SimpleQueueService.TooManyEntriesInBatchRequest",
    "UnsupportedOperation": "AWS.SimpleQueueService.UnsupportedOperation",
}


def is_sqs(service: ServiceModel) -> bool:
    """Say whether this is the service whose query protocol is not in its model."""
    return service.service_name == "sqs"


def query_code(service: ServiceModel, code: str) -> str:
    """Return what an error is called in the query protocol, which JSON's clients are told as well."""
    return _QUERY_CODES.get(code, code) if is_sqs(service) else code


def unfit(complaint: str) -> ApiError:
    """Return SQS's error for a complaint: a member is missing, or no such attribute is known."""
    if complaint.startswith("Value null at '"):
        member = complaint.partition("'")[2].partition("'")[0].rpartition(".")[2]
        text = f"The request must contain the parameter {member[:1].upper()}{member[1:]}."
        return ApiError(text, code="MissingParameter", status=400)
    return ApiError(f"Unknown Attribute: {complaint}", code="InvalidAttributeName", status=400)


def query_model(service: ServiceModel) -> ServiceModel:
    """Return the model that forms and XML are read and written by."""
    return _query_model(service) if is_sqs(service) else service


def of_today(document: Document, operation: OperationModel, path: str) -> Document:
    """Return an input as today's clients would say it.

    Forms may name the queue by the path they are sent to. ReceiveMessage once took the names of a message's
    system attributes as `AttributeNames`, of which the model has another list by now. What a map says to be
    null it does not say.
    """
    document = {member: _said(value) for member, value in document.items()}
    shape = operation.input_shape
    members = shape.members if isinstance(shape, StructureShape) else {}
    if "QueueUrl" in members and "QueueUrl" not in document and path.count("/") >= 2:
        document = {**document, "QueueUrl": path}
    if "MessageSystemAttributeNames" in members and "AttributeNames" in document:
        names = [*(document.get("MessageSystemAttributeNames") or ()), *(document["AttributeNames"] or ())]
        document = {**document, "MessageSystemAttributeNames": names}
        del document["AttributeNames"]
    return document


def _said(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _said(item) for name, item in value.items() if item is not None}
    return [_said(item) for item in value] if isinstance(value, list) else value


def _with_names(service: ServiceModel) -> ServiceModel:
    description = copy.deepcopy(vars(service)["_service_description"])  # botocore hands it out nowhere
    description["metadata"]["xmlNamespace"] = NAMESPACE
    shapes: dict[str, Any] = description["shapes"]
    for shape in shapes.values():
        if shape["type"] == "map":
            pair = ("Key", "Value") if shape is shapes["TagMap"] else ("Name", "Value")
            shape["key"]["locationName"], shape["value"]["locationName"] = pair
        for name, member in shape.get("members", {}).items():
            target = shapes[member["shape"]]
            if name in _NAMES:
                member["locationName"] = _NAMES[name]
            elif target["type"] == "list":
                member["locationName"] = target["member"]["shape"]
    return ServiceModel(description, service.service_name)


_query_model = PerService(_with_names)
