"""SNS topics: created, listed, changed, deleted, tagged.

What has no effect here, and what is refused: evidence/sns.md.
"""

from __future__ import annotations

import json
import re

from clary.core.document import Document
from clary.core.errors import ApiError
from clary.core.tags import listed, retagged, tags_of
from clary.engines.policy import Malformed, parse
from clary.operations.computed_list import cut
from clary.operations.permissions.on_resource import POLICY
from clary.operations.registry import Call, operation
from clary.operations.sns.topics import ATTRIBUTES, invalid, is_fifo, set_on, topic_of
from clary.resources.sns.subscription import SUBSCRIPTION
from clary.resources.sns.topic import TOPIC
from clary.store.record import Record

PAGE = 100
LIMIT = 50  # Tags a topic may have.
_NAME = re.compile(r"[A-Za-z0-9_-]{1,256}")
_KEPT = ("DisplayName", "KmsMasterKeyId", "Policy", "MaximumMessageSize")
_OF_FIFO = {"ContentBasedDeduplication": ("true", "false"), "FifoThroughputScope": ("Topic", "MessageGroup")}
_ABSENT = {
    "ArchivePolicy": "messages of topics are not archived here; subscribe a queue that keeps them",
    "DeliveryPolicy": "it is for http and https subscribers, which are not served here",
    "SignatureVersion": "messages are not signed here; who may send to a queue is for its policy to say",
    "TracingConfig": "there is no X-Ray here",
}


@operation("sns", "CreateTopic")
def create(call: Call) -> Document:
    """Create a topic, or answer the one that has this name and these attributes."""
    name, wanted = call.request["Name"], dict(call.request.get("Attributes") or {})
    if call.request.get("DataProtectionPolicy"):
        raise invalid("DataProtectionPolicy", "messages are not looked through here; leave it out")
    fifo = wanted.pop("FifoTopic", "false") == "true"
    _check_name(name, fifo=fifo)
    _check(wanted, fifo=fifo)
    with call.records.database.write():
        old = call.records.find(TOPIC, name)
        if old is not None:
            _check_same(call, old, wanted)
            return {"TopicArn": old.arn}
        doc: Document = {"TopicName": name, "Tags": listed(tags_of(call.request.get("Tags")))}
        record = call.records.create(TOPIC, doc | _members(wanted))
    return {"TopicArn": record.arn}


@operation("sns", "ListTopics")
def page(call: Call) -> Document:
    """Answer the account's topics by name."""
    found = ((record.name, {"TopicArn": record.arn}) for record in call.records.each(TOPIC))
    topics, more = cut(call, found, PAGE, call.request.get("NextToken"), refused="InvalidParameter")
    return {"Topics": topics} | ({"NextToken": more} if more else {})


@operation("sns", "DeleteTopic")
def delete(call: Call) -> None:
    """Delete a topic with its subscriptions; one that is not there is no mistake."""
    with call.records.database.write():
        try:
            record = topic_of(call)
        except ApiError as error:
            if error.code == TOPIC.missing:
                return
            raise
        records = call.records.scoped(record.account, record.region)
        for subscription in list(records.each(SUBSCRIPTION, under=record.name)):
            records.delete(subscription)
        records.delete(record)


@operation("sns", "GetTopicAttributes")
def get_attributes(call: Call) -> Document:
    """Answer a topic's attributes, and how many subscriptions it has."""
    record = topic_of(call)
    records = call.records.scoped(record.account, record.region)
    pending = [bool(each.doc.get("_Token")) for each in records.each(SUBSCRIPTION, under=record.name)]
    told = {
        "TopicArn": record.arn,
        "Owner": record.account,
        "DisplayName": "",
        "Policy": record.doc.get(POLICY) or default_policy(record),
        "SubscriptionsConfirmed": str(pending.count(False)),
        "SubscriptionsPending": str(pending.count(True)),
        "SubscriptionsDeleted": "0",
        **set_on(record),
    }
    if is_fifo(record):
        told = {
            "ContentBasedDeduplication": "false",
            "FifoThroughputScope": "Topic",
            **told,
            "FifoTopic": "true",
        }
    return {"Attributes": told}


@operation("sns", "SetTopicAttributes")
def set_attributes(call: Call) -> None:
    """Change one attribute; an empty text takes it away."""
    name, value = call.request["AttributeName"], call.request.get("AttributeValue") or ""
    with call.records.database.write():
        record = topic_of(call)
        _check({name: value}, fifo=is_fifo(record))
        kept = {n: v for n, v in {**set_on(record), name: value}.items() if v}
        remove = [POLICY] if (name, value) == ("Policy", "") else []
        call.records.update(record, _members(kept), remove=remove)


@operation("sns", "TagResource")
def tag(call: Call) -> None:
    """Add tags to a topic, or replace their values."""
    _retag(call, add=call.request["Tags"])


@operation("sns", "UntagResource")
def untag(call: Call) -> None:
    """Take tags off a topic."""
    _retag(call, gone=set(call.request["TagKeys"]))


@operation("sns", "ListTagsForResource")
def list_tags(call: Call) -> Document:
    """Answer a topic's tags."""
    return {"Tags": listed(tags_of(_tagged(call).doc.get("Tags")))}


def default_policy(record: Record) -> str:
    """Return the policy that SNS tells of a topic without one: its owner may do what IAM lets it."""
    actions = (
        *("GetTopicAttributes", "SetTopicAttributes", "AddPermission", "RemovePermission", "DeleteTopic"),
        *("Subscribe", "ListSubscriptionsByTopic", "Publish"),
    )
    statement = {
        "Sid": "__default_statement_ID",
        "Effect": "Allow",
        "Principal": {"AWS": "*"},
        "Action": [f"SNS:{action}" for action in actions],
        "Resource": record.arn,
        "Condition": {"StringEquals": {"AWS:SourceOwner": record.account}},
    }
    return json.dumps({"Version": "2008-10-17", "Id": "__default_policy_ID", "Statement": [statement]})


def _check_name(name: str, *, fifo: bool) -> None:
    plain = name.removesuffix(".fifo") if fifo else name
    if not _NAME.fullmatch(plain) or (fifo and plain == name):
        what = "must end with .fifo and otherwise" if fifo else "of a topic without FifoTopic"
        raise invalid(
            "Topic Name",
            f"{name[:300]!r}: the name {what} has 1 to 256 letters, digits, hyphens, underscores",
        )


def _check(wanted: dict[str, str], *, fifo: bool) -> None:
    for name, value in wanted.items():
        why = _ABSENT.get(name)
        if why is None and name.endswith(("FeedbackRoleArn", "FeedbackSampleRate")):
            why = "deliveries are not logged here"
        if why is not None and value not in ("", "PassThrough"):
            raise invalid(f"Attributes {name}", f"{why}; leave it out")
        known = name in _KEPT or name in _ABSENT or (fifo and name in _OF_FIFO)
        if not known or (name in _OF_FIFO and value not in _OF_FIFO[name]):
            raise invalid("AttributeName", f"{name} cannot be {value[:64]!r} for this topic")
    if text := wanted.get("Policy"):
        try:
            parse(text, "own", source="resource")
        except Malformed as error:
            raise invalid("Policy", f"the policy cannot be read: {error}") from error
    size = wanted.get("MaximumMessageSize")
    if size and not (re.fullmatch(r"[0-9]{1,7}", size) and 1024 <= int(size) <= 1_048_576):
        raise invalid("MaximumMessageSize", f"{size[:32]} is not a number from 1024 to 1048576")


def _check_same(call: Call, old: Record, wanted: dict[str, str]) -> None:
    has = {**set_on(old), "Policy": old.doc.get(POLICY, "")}
    tags = call.request.get("Tags")
    if any(has.get(name, "") != value for name, value in wanted.items()):
        raise ApiError(TOPIC.conflict_text, code=TOPIC.conflict, status=400)
    if tags and tags_of(tags) != tags_of(old.doc.get("Tags")):
        raise invalid("Tags", "Topic already exists with different tags")


def _members(wanted: dict[str, str]) -> Document:
    kept = {n: v for n, v in wanted.items() if v and n != "Policy" and n not in _ABSENT}
    return {ATTRIBUTES: kept} | ({POLICY: wanted["Policy"]} if wanted.get("Policy") else {})


def _retag(call: Call, *, add: object = None, gone: set[str] | None = None) -> None:
    with call.records.database.write():
        record = _tagged(call)
        tags = retagged(record.doc.get("Tags"), add, gone or ())
        if len(tags) > LIMIT:
            words = f"{record.arn} would have {len(tags)} tags; a topic may have {LIMIT}."
            raise ApiError(words, code="TagLimitExceeded", status=400)
        call.records.update(record, {"Tags": listed(tags)}, touch=False)


def _tagged(call: Call) -> Record:
    try:
        record = topic_of(call, "ResourceArn")
    except ApiError as error:
        if error.code != TOPIC.missing:
            raise
        raise ApiError("Resource does not exist", code="ResourceNotFound", status=404) from error
    return record
