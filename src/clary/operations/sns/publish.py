"""Publish: a message goes to every subscriber in one transaction, and is answered once that is on disk.

Our own code publishes by the same operation. A controller calls `means.call(caller, region,
"sns:Publish", request, {})` (gateway/inside.py) in the name of whoever the message is sent for. It is
validated and audited, and asks no permission: `means.allowed(role, "sns:Publish", topic)` is asked
before. Within a `database.write()` of the caller's the message becomes part of that write: an inference
that is settled and the message that says so are on disk together, or neither is. An ApiError says that
the topic is gone, which is the caller's to note.
"""

from __future__ import annotations

import json
import re
import uuid
from dataclasses import dataclass

from sqlalchemy import Connection

from clary.core.document import Document
from clary.core.errors import ApiError
from clary.engines.sns.envelope import Notification
from clary.engines.sqs import digest
from clary.operations.registry import Call, operation
from clary.operations.sns.delivery import deliver
from clary.operations.sns.topics import invalid, is_fifo, set_on, topic_of
from clary.operations.sqs import batch, outgoing
from clary.operations.sqs.queues import millis
from clary.resources.sns.subscription import SUBSCRIPTION
from clary.store.queues import messages
from clary.store.queues.message import Sent
from clary.store.record import Record

_LARGEST = 262_144  # Bytes of a message where the topic says nothing else.
_SUBJECT = re.compile(r"[^\x00-\x1f\x7f]{1,99}")
_TYPES = re.compile(r"String(\.Array)?|Number|Binary")


@dataclass(frozen=True)
class _Ready:
    one: Notification
    group: str | None
    duplicate_of: str | None


@operation("sns", "Publish")
def publish(call: Call) -> Document:
    """Send one message to a topic's subscribers."""
    if call.request.get("PhoneNumber"):
        raise invalid("PhoneNumber", "no text messages are sent from here; publish to a topic")
    if (target := call.request.get("TargetArn")) and "TopicArn" not in call.request:
        if ":endpoint/" in target:
            raise invalid("TargetArn", "there are no mobile endpoints here; publish to a topic")
        topic = topic_of(call, "TargetArn")
    else:
        topic = topic_of(call)
    [sent] = _spread(call, topic, [_ready(call, topic, call.request)])
    return _told(topic, sent)


@operation("sns", "PublishBatch")
def publish_batch(call: Call) -> Document:
    """Send up to ten messages, all those that can be sent in one transaction."""
    topic, entries = topic_of(call), call.request["PublishBatchRequestEntries"]
    batch.check(entries)
    batch.check_size(sum(digest.size_of(e["Message"], e.get("MessageAttributes") or {}) for e in entries))
    ready: list[_Ready] = []

    def take(entry: Document) -> Document:
        ready.append(_ready(call, topic, entry))
        return {}

    answer = batch.each(entries, take)
    sent = _spread(call, topic, ready)
    pairs = zip(answer["Successful"], sent, strict=True)
    return answer | {"Successful": [{**entry, **_told(topic, each)} for entry, each in pairs]}


def _spread(call: Call, topic: Record, ready: list[_Ready]) -> list[Sent]:
    records = call.records.scoped(topic.account, topic.region)

    def work(connection: Connection) -> list[Sent]:
        every = list(records.each(SUBSCRIPTION, under=topic.name))
        confirmed = [each for each in every if "_Token" not in each.doc]
        return [_publish(call, connection, topic, confirmed, each) for each in ready]

    return call.objects.committer.run(work) if ready else []


def _publish(
    call: Call, connection: Connection, topic: Record, subscriptions: list[Record], ready: _Ready
) -> Sent:
    """Send one message; what a FIFO topic took a short while ago is answered as it was then."""
    now, sequence = millis(call.clock.now()), None
    sent = Sent(ready.one.message_id, 0)
    if ready.duplicate_of is not None:
        in_group = set_on(topic).get("FifoThroughputScope") == "MessageGroup"
        key = (topic.uid, (ready.group or "") if in_group else "", ready.duplicate_of)
        if (known := messages.duplicate(connection, *key, now)) is not None:
            return known
        sequence = messages.next_sequence(connection)
        sent = Sent(ready.one.message_id, sequence)
        messages.remember(connection, *key, sent, now)
    for subscription in subscriptions:
        deliver(
            call,
            connection,
            subscription,
            ready.one,
            group=ready.group,
            duplicate_of=ready.duplicate_of,
            sequence=sequence,
        )
    return sent


def _ready(call: Call, topic: Record, request: Document) -> _Ready:
    message, subject = request["Message"], request.get("Subject")
    named = request.get("MessageAttributes") or {}
    if not message:
        raise invalid("Message", "Empty message")
    if subject is not None and not _SUBJECT.fullmatch(subject):
        raise invalid("Subject", "it must be text of less than 100 characters without line breaks")
    size, most = digest.size_of(message, named), int(set_on(topic).get("MaximumMessageSize", _LARGEST))
    if size > most:
        raise invalid(
            "Message", f"Message too long: with its attributes it has {size} bytes of at most {most}"
        )
    _check_attributes(named)
    group, duplicate_of = _order(topic, request)
    return _Ready(
        Notification(
            message_id=str(uuid.uuid4()),
            topic=topic.arn,
            message=_default(request),
            time=call.clock.now(),
            subject=subject,
            attributes={name: _kept(value) for name, value in named.items()},
            bodies=_bodies(request),
        ),
        group,
        duplicate_of,
    )


def _order(topic: Record, request: Document) -> tuple[str | None, str | None]:
    if is_fifo(topic):
        content_based = set_on(topic).get("ContentBasedDeduplication") == "true"
        try:
            return outgoing.group_of(request, content_based=content_based, body=request["Message"])
        except ApiError as error:
            raise invalid("MessageGroupId or MessageDeduplicationId", error.message) from error
    if request.get("MessageDeduplicationId"):
        raise invalid("MessageDeduplicationId", "it is not valid for this topic type, which keeps no order")
    return request.get("MessageGroupId"), None


def _check_attributes(named: Document) -> None:
    for name, value in named.items():
        try:
            outgoing.check_attribute(name, value)
        except ApiError as error:
            raise ApiError(error.message, code="ParameterValueInvalid", status=400) from error
        if not _TYPES.fullmatch(value["DataType"]):
            words = (
                f"The message attribute '{name}' has an invalid message attribute type, the set of supported "
            )
            words += "types is String, String.Array, Number and Binary."
            raise ApiError(words, code="ParameterValueInvalid", status=400)


def _default(request: Document) -> str:
    return str(_by_protocol(request).get("default", request["Message"]))


def _bodies(request: Document) -> dict[str, str]:
    found = _by_protocol(request)
    return {name: text for name, text in found.items() if name != "default" and isinstance(text, str)}


def _by_protocol(request: Document) -> Document:
    structure = request.get("MessageStructure")
    if not structure:
        return {}
    if structure != "json":
        raise invalid("MessageStructure", f"it can only be json, not {structure[:64]!r}")
    try:
        found = json.loads(request["Message"])
    except (ValueError, RecursionError) as error:
        raise invalid("Message Structure", "JSON message body failed to parse") from error
    if not isinstance(found, dict) or not isinstance(found.get("default"), str):
        raise invalid("Message Structure", "No default entry in JSON message body")
    return found


def _kept(value: Document) -> Document:
    return {m: value[m] for m in ("DataType", "StringValue", "BinaryValue") if value.get(m)}


def _told(topic: Record, sent: Sent) -> Document:
    return {"MessageId": sent.message_id} | (
        {"SequenceNumber": f"{sent.sequence:020d}"} if is_fifo(topic) else {}
    )
