"""Which topic or subscription a call means, and how SNS words its refusals."""

from __future__ import annotations

from clary.core.arn import Arn
from clary.core.arn import parse as parse_arn
from clary.core.errors import ApiError
from clary.operations.registry import Call
from clary.resources.sns.subscription import SUBSCRIPTION
from clary.resources.sns.topic import TOPIC
from clary.resources.spec import Resource
from clary.store.record import Record

ATTRIBUTES = "_Attributes"
"""The member in which a record keeps the attributes that were set, but for a topic's policy."""


def topic_of(call: Call, member: str = "TopicArn") -> Record:
    """Return the topic that a request names by its ARN; another account's as well."""
    text = call.request.get(member) or ""
    arn = _arn(call, text, member)
    if ":" in arn.resource:
        raise invalid(member, f"{text} is not the ARN of a topic")
    return _found(call, TOPIC, text)


def subscription_of(call: Call) -> Record:
    """Return the subscription that a request names by its ARN."""
    text = call.request.get("SubscriptionArn") or ""
    if _arn(call, text, "SubscriptionArn").resource.count(":") != 1:
        raise invalid("SubscriptionArn", f"{text} is not the ARN of a subscription")
    return _found(call, SUBSCRIPTION, text)


def is_fifo(topic: Record) -> bool:
    """Say whether a topic keeps order."""
    return topic.name.endswith(".fifo")


def set_on(record: Record) -> dict[str, str]:
    """Return the attributes that were set."""
    kept: dict[str, str] = record.doc[ATTRIBUTES]
    return kept


def invalid(name: str, why: str) -> ApiError:
    """Return the refusal of a parameter."""
    return ApiError(f"Invalid parameter: {name} Reason: {why}", code="InvalidParameter", status=400)


def _arn(call: Call, text: str, member: str) -> Arn:
    arn = parse_arn(text)
    if arn is None or arn.service != "sns":
        raise invalid(member, f"{text[:256]} is not an ARN of SNS")
    if arn.region != call.region:
        raise invalid(member, f"{text} is of another region; ask there")
    return arn


def _found(call: Call, resource: Resource, arn: str) -> Record:
    record = call.records.by_arn(arn)
    if record is None or (record.service, record.kind) != ("sns", resource.kind):
        raise ApiError(resource.missing_text, code=resource.missing, status=resource.missing_status)
    return record
