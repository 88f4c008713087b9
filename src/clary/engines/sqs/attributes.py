"""What a queue's attributes may be, and what they are where nobody said."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping

from clary.core.arn import parse as parse_arn
from clary.core.document import Document
from clary.core.errors import ApiError

# (least, most, default), from the API reference of SetQueueAttributes: evidence/sqs.md.
NUMBERS = {
    "DelaySeconds": (0, 900, 0),
    "KmsDataKeyReusePeriodSeconds": (60, 86_400, 300),
    "MaximumMessageSize": (1024, 1_048_576, 1_048_576),
    "MessageRetentionPeriod": (60, 1_209_600, 345_600),
    "ReceiveMessageWaitTimeSeconds": (0, 20, 0),
    "VisibilityTimeout": (0, 43_200, 30),
}
_ENUMS = {
    "ContentBasedDeduplication": ("true", "false"),
    "DeduplicationScope": ("messageGroup", "queue"),
    "FifoQueue": ("true",),
    "FifoThroughputLimit": ("perQueue", "perMessageGroupId"),
    "SqsManagedSseEnabled": ("true", "false"),
}
_TEXTS = ("KmsMasterKeyId", "Policy", "RedriveAllowPolicy", "RedrivePolicy")
_OF_FIFO = ("ContentBasedDeduplication", "DeduplicationScope", "FifoQueue", "FifoThroughputLimit")
_ALWAYS = ("DelaySeconds", "MaximumMessageSize", "MessageRetentionPeriod", "ReceiveMessageWaitTimeSeconds")
_FIFO_DEFAULTS = {
    "ContentBasedDeduplication": "false",
    "DeduplicationScope": "queue",
    "FifoThroughputLimit": "perQueue",
}
_NAME = re.compile(r"[A-Za-z0-9_-]{1,80}")


def check_name(name: str, *, fifo: bool) -> None:
    """Refuse what no queue can be called."""
    plain = name.removesuffix(".fifo") if fifo else name
    if fifo and (plain == name or len(name) > 80 or not _NAME.fullmatch(plain)):
        raise invalid(
            "The name of a FIFO queue can only include alphanumeric characters, hyphens, or underscores, "
            f"must end with .fifo suffix and be 1 to 80 in length; this is {name[:128]}."
        )
    if not fifo and not _NAME.fullmatch(name):
        raise invalid(
            "Can only include alphanumeric characters, hyphens, or underscores. 1 to 80 in length; a name "
            f"that ends with .fifo needs the attribute FifoQueue. This is {name[:128]}."
        )


def check(attributes: Mapping[str, str], *, fifo: bool, creating: bool) -> None:
    """Refuse attributes that cannot be set, or not to this."""
    for name, value in attributes.items():
        known = name in NUMBERS or name in _ENUMS or name in _TEXTS
        if not known or (name in _OF_FIFO and not fifo) or (name == "FifoQueue" and not creating):
            raise ApiError(f"Unknown Attribute {name}.", code="InvalidAttributeName", status=400)
        if name in NUMBERS:
            _check_number(name, value)
        elif name in _ENUMS and value not in _ENUMS[name]:
            raise unfit(name, value, f"it must be {' or '.join(_ENUMS[name])}")


def check_limits(merged: Mapping[str, str]) -> None:
    """Refuse what does not go together."""
    limit, scope = merged.get("FifoThroughputLimit"), merged.get("DeduplicationScope", "queue")
    if limit == "perMessageGroupId" and scope != "messageGroup":
        raise unfit("FifoThroughputLimit", limit, "perMessageGroupId needs DeduplicationScope messageGroup")


def number(attributes: Mapping[str, str], name: str) -> int:
    """Return a number that is set, or its default."""
    return int(attributes.get(name, NUMBERS[name][2]))


def shown(attributes: Mapping[str, str], *, fifo: bool) -> dict[str, str]:
    """Return attributes with the defaults that SQS tells."""
    defaults = {name: str(NUMBERS[name][2]) for name in (*_ALWAYS, "VisibilityTimeout")}
    if "KmsMasterKeyId" in attributes:
        defaults["KmsDataKeyReusePeriodSeconds"] = str(NUMBERS["KmsDataKeyReusePeriodSeconds"][2])
    else:
        defaults["SqsManagedSseEnabled"] = "true"
    return {**defaults, **(_FIFO_DEFAULTS if fifo else {}), **attributes}


def redrive(text: str) -> tuple[str, int]:
    """Return the dead-letter queue's ARN and the number of receives of a RedrivePolicy."""
    found = _object("RedrivePolicy", text)
    target, most = found.get("deadLetterTargetArn"), found.get("maxReceiveCount", 10)
    arn = parse_arn(target) if isinstance(target, str) else None
    if not isinstance(target, str) or arn is None or arn.service != "sqs":
        raise unfit("RedrivePolicy", text, "deadLetterTargetArn must be the ARN of a queue")
    if not re.fullmatch(r"[0-9]{1,4}", str(most)) or not 1 <= int(str(most)) <= 1000:
        raise unfit("RedrivePolicy", text, "maxReceiveCount must be a number from 1 to 1000")
    return target, int(str(most))


def redrive_allowed(text: str, source: str) -> bool:
    """Say whether a RedriveAllowPolicy lets a queue use this one for its dead letters."""
    found = _object("RedriveAllowPolicy", text)
    permission, sources = found.get("redrivePermission", "allowAll"), found.get("sourceQueueArns")
    if permission not in ("allowAll", "denyAll", "byQueue"):
        raise unfit("RedriveAllowPolicy", text, "redrivePermission must be allowAll, denyAll or byQueue")
    if (permission == "byQueue") != isinstance(sources, list) or len(sources or ()) > 10:
        raise unfit("RedriveAllowPolicy", text, "byQueue, and only that, needs up to 10 sourceQueueArns")
    return bool(permission == "allowAll" or (permission == "byQueue" and source in (sources or ())))


def invalid(words: str) -> ApiError:
    """Return the refusal of a parameter."""
    return ApiError(words, code="InvalidParameterValue", status=400)


def unfit(name: str, value: object, why: str) -> ApiError:
    """Return the refusal of a parameter's value."""
    words = f"Value {str(value)[:512]} for parameter {name} is invalid. Reason: {why}."
    return ApiError(words, code="InvalidParameterValue", status=400)


def _check_number(name: str, value: str) -> None:
    least, most, _ = NUMBERS[name]
    if not re.fullmatch(r"\d{1,9}", value) or not least <= int(value) <= most:
        raise ApiError(
            f"Invalid value for the parameter {name}. Reason: {value[:64]} is not a number from {least} to "
            f"{most}.",
            code="InvalidAttributeValue",
            status=400,
        )


def _object(name: str, text: str) -> Document:
    try:
        found = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise unfit(name, text, "it is not valid JSON") from error
    if not isinstance(found, dict):
        raise unfit(name, text, "it is not a JSON object")
    return found
