"""From a topic into queues: who is let in, in which form, and where what is not taken goes.

A queue takes a topic's messages when its policy lets `sns.amazonaws.com` send, as on AWS, even within one
account: evidence/sns.md. All queues get a message in the transaction that publishes it, so that a topic's
message is in every queue or was never published, whatever crashes.
"""

from __future__ import annotations

import json
import logging

from sqlalchemy import Connection

from clary.core.document import Document
from clary.core.errors import ApiError
from clary.engines.sns import filter_policy
from clary.engines.sns.envelope import Notification, of_notification
from clary.engines.sqs import attributes, digest
from clary.operations.permissions.by_service import lets_in
from clary.operations.registry import Call
from clary.operations.sns.topics import set_on
from clary.operations.sqs import queues
from clary.operations.sqs.outgoing import check_attributes
from clary.store.queues import messages
from clary.store.queues.message import Outgoing
from clary.store.record import Record

SERVICE = "sns.amazonaws.com"
_log = logging.getLogger(__name__)


def deliver(
    call: Call,
    connection: Connection,
    subscription: Record,
    one: Notification,
    *,
    group: str | None,
    duplicate_of: str | None,
    sequence: int | None,
) -> None:
    """Hand a message to one subscriber that wants it; what its queue refuses goes to its dead letters."""
    doc, kept = subscription.doc, set_on(subscription)
    scope = kept.get("FilterPolicyScope", filter_policy.BY_ATTRIBUTES)
    policy = filter_policy.parse(kept["FilterPolicy"], scope) if "FilterPolicy" in kept else {}
    if not filter_policy.takes(policy, scope, one.body("sqs"), one.attributes):
        return
    raw = kept.get("RawMessageDelivery") == "true"
    body = one.body("sqs") if raw else of_notification(one, "sqs", sequence)
    named = one.attributes if raw else {}
    order = {"group": group, "duplicate_of": duplicate_of}
    why = into(call, connection, doc["Endpoint"], one.topic, body, named, **order)
    dead = dead_letter_queue(kept["RedrivePolicy"]) if why and "RedrivePolicy" in kept else None
    if why and dead:
        why = into(call, connection, dead, one.topic, body, named, **order)
    if why:
        _log.warning(
            "request %s: %s got no message of %s: %s", call.request_id, doc["Endpoint"], one.topic, why
        )


def into(
    call: Call,
    connection: Connection,
    arn: str,
    topic: str,
    body: str,
    named: Document | None = None,
    *,
    group: str | None = None,
    duplicate_of: str | None = None,
) -> str:
    """Put a topic's message into a queue; return why it was not taken, "" when it was."""
    record = queues.by_arn(call.records, arn)
    if record is None:
        return "the queue does not exist"
    if not lets_in(record, "sqs:SendMessage", SERVICE, topic):
        return f"the queue's policy does not allow {SERVICE} sqs:SendMessage for this topic (aws:SourceArn)"
    named = named or {}
    try:
        check_attributes(named)
    except ApiError as error:
        return error.message
    kept = queues.set_on(record)
    if digest.size_of(body, named) > attributes.number(kept, "MaximumMessageSize"):
        return "the message is larger than the queue's MaximumMessageSize"
    fifo = queues.is_fifo(record)
    told = {"MessageDeduplicationId": duplicate_of} if fifo and duplicate_of else {}
    message = Outgoing(
        body=body,
        attributes=named,
        system={"SenderId": SERVICE, **told},
        delay=attributes.number(kept, "DelaySeconds"),
        group=group,
        duplicate_of=duplicate_of if fifo else None,
        in_group=kept.get("DeduplicationScope") == "messageGroup",
    )
    messages.send(connection, record.uid, message, queues.millis(call.clock.now()))
    return ""


def dead_letter_queue(text: str) -> str | None:
    """Return the queue that a subscription's RedrivePolicy names."""
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return None
    arn = found.get("deadLetterTargetArn") if isinstance(found, dict) else None
    return arn if isinstance(arn, str) and arn.startswith("arn:aws:sqs:") else None
