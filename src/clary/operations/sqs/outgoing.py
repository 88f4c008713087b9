"""What may be sent to a queue: a request's message, checked and as the store takes it."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping

from clary.core.document import Document
from clary.core.errors import ApiError
from clary.engines.sqs import attributes, digest
from clary.engines.sqs.attributes import invalid, unfit
from clary.operations.sqs.queues import is_fifo, set_on
from clary.store.queues.message import Outgoing
from clary.store.record import Record

_MOST_ATTRIBUTES = 10
_NAME = re.compile(r"(?!\.)(?!.*\.\.)(?!(?i:AWS\.|Amazon\.))[A-Za-z0-9_.-]{1,256}(?<!\.)")
_TYPE = re.compile(r"(String|Number|Binary)(\..+)?")
_NUMBER = re.compile(r"\s*[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?\s*")
_NO_CHARACTER = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_FIFO_ID = re.compile(r"[A-Za-z0-9!\"#$%&'()*+,\-./:;<=>?@\[\\\]^_`{|}~]{1,128}")


def outgoing(record: Record, request: Document, sender: str) -> Outgoing:
    """Return a request's message for a queue, or raise what is wrong with it."""
    body, named = request["MessageBody"], request.get("MessageAttributes") or {}
    _check_body(body)
    check_attributes(named)
    size, most = digest.size_of(body, named), attributes.number(set_on(record), "MaximumMessageSize")
    if size > most:
        raise invalid(
            f"One or more parameters are invalid. Reason: Message must be shorter than {most} bytes; with "
            f"its attributes it has {size}."
        )
    group, duplicate_of = _order(record, request, body)
    return Outgoing(
        body=body,
        attributes={name: _kept(value) for name, value in named.items()},
        system={"SenderId": sender, **_system(request), **_told(duplicate_of)},
        delay=_delay(record, request),
        group=group,
        duplicate_of=duplicate_of,
        in_group=set_on(record).get("DeduplicationScope") == "messageGroup",
    )


def check_attributes(named: Mapping[str, Document]) -> None:
    """Refuse message attributes that are too many, misnamed, or without a value of their type."""
    if len(named) > _MOST_ATTRIBUTES:
        raise invalid(f"Number of message attributes [{len(named)}] exceeds the allowed maximum [10].")
    for name, value in named.items():
        check_attribute(name, value)


def check_attribute(name: str, value: Document) -> None:
    """Refuse a message attribute that is misnamed, or without a value of its type."""
    if not _NAME.fullmatch(name):
        raise invalid(f"The message attribute name '{name[:256]}' is invalid.")
    kind = _TYPE.fullmatch(value.get("DataType") or "")
    if kind is None:
        raise invalid(
            f"The message attribute '{name}' has an invalid message attribute type, the set of supported "
            "type prefixes is Binary, Number, and String."
        )
    member = "BinaryValue" if kind[1] == "Binary" else "StringValue"
    if not value.get(member):
        raise invalid(
            f"The message attribute '{name}' must contain non-empty message attribute value for message "
            f"attribute type '{value['DataType']}'."
        )
    if kind[1] == "Number" and not _NUMBER.fullmatch(str(value[member])):
        raise invalid(f"Can't cast the value of message (user) attribute '{name}' to a number.")


def group_of(request: Document, *, content_based: bool, body: str) -> tuple[str, str]:
    """Return the group of a message that is kept in order, and what its duplicates are told by."""
    group, duplicate_of = request.get("MessageGroupId"), request.get("MessageDeduplicationId")
    if not group:
        raise ApiError(
            "The request must contain the parameter MessageGroupId.", code="MissingParameter", status=400
        )
    for name, value in (("MessageGroupId", group), ("MessageDeduplicationId", duplicate_of)):
        if value is not None and not _FIFO_ID.fullmatch(value):
            raise unfit(
                name, value, f"{name} can only include alphanumeric and punctuation characters. 1 to 128"
            )
    if duplicate_of is None and not content_based:
        raise invalid(
            "The queue should either have ContentBasedDeduplication enabled or MessageDeduplicationId "
            "provided explicitly"
        )
    return group, duplicate_of or hashlib.sha256(body.encode()).hexdigest()


def _check_body(body: str) -> None:
    if not body:
        raise ApiError(
            "The request must contain the parameter MessageBody.", code="MissingParameter", status=400
        )
    if strange := _NO_CHARACTER.search(body):
        raise ApiError(
            f"Invalid characters found: {strange[0]!r} at {strange.start()}. Valid are #x9 | #xA | #xD | "
            "#x20 to #xD7FF | #xE000 to #xFFFD | #x10000 to #x10FFFF.",
            code="InvalidMessageContents",
            status=400,
        )


def _order(record: Record, request: Document, body: str) -> tuple[str | None, str | None]:
    if is_fifo(record):
        content_based = set_on(record).get("ContentBasedDeduplication") == "true"
        return group_of(request, content_based=content_based, body=body)
    if "MessageDeduplicationId" in request:
        why = "The request include parameter that is not valid for this queue type"
        raise unfit("MessageDeduplicationId", request["MessageDeduplicationId"], why)
    return request.get("MessageGroupId"), None


def _delay(record: Record, request: Document) -> int:
    delay = request.get("DelaySeconds")
    if delay is None:
        return attributes.number(set_on(record), "DelaySeconds")
    if is_fifo(record) and delay:
        why = "The request include parameter that is not valid for this queue type"
        raise unfit("DelaySeconds", delay, why)
    if not 0 <= delay <= attributes.NUMBERS["DelaySeconds"][1]:
        raise unfit("DelaySeconds", delay, "DelaySeconds must be >= 0 and <= 900")
    return int(delay) or (attributes.number(set_on(record), "DelaySeconds") if is_fifo(record) else 0)


def _system(request: Document) -> dict[str, str]:
    told = {}
    for name, value in (request.get("MessageSystemAttributes") or {}).items():
        if value.get("DataType") != "String" or not value.get("StringValue"):
            raise invalid(f"The message system attribute '{name}' must be a String with a value.")
        told[name] = value["StringValue"]
    return told


def _told(duplicate_of: str | None) -> dict[str, str]:
    return {} if duplicate_of is None else {"MessageDeduplicationId": duplicate_of}


def _kept(value: Document) -> Document:
    return {m: value[m] for m in ("DataType", "StringValue", "BinaryValue") if value.get(m)}
