"""SQS queues: created, found, changed, emptied, deleted.

What AWS refuses, in which words, and what has no effect here: evidence/sqs.md.
"""

from __future__ import annotations

from datetime import timedelta

from clary.core.document import Document
from clary.core.errors import ApiError
from clary.core.tags import listed, tags_of
from clary.engines.policy import Malformed, parse
from clary.engines.sqs import attributes
from clary.engines.sqs.attributes import invalid, unfit
from clary.operations.computed_list import cut
from clary.operations.permissions.on_resource import POLICY
from clary.operations.registry import Call, operation
from clary.operations.sqs.queues import (
    ATTRIBUTES,
    as_queue,
    by_arn,
    is_fifo,
    millis,
    queue_of,
    require,
    set_on,
    url,
)
from clary.resources.sqs.queue import QUEUE
from clary.store.queues import messages
from clary.store.record import Record

_PAGE = 1000
_PURGES = timedelta(seconds=60)
_COUNTED = {
    "ApproximateNumberOfMessages": "visible",
    "ApproximateNumberOfMessagesNotVisible": "in_flight",
    "ApproximateNumberOfMessagesDelayed": "delayed",
}


@operation("sqs", "CreateQueue")
def create(call: Call) -> Document:
    """Create a queue, or answer the one that has this name and these attributes."""
    name, wanted = call.request["QueueName"], dict(call.request.get("Attributes") or {})
    fifo = wanted.get("FifoQueue") == "true"
    attributes.check_name(name, fifo=fifo)
    attributes.check(wanted, fifo=fifo, creating=True)
    attributes.check_limits(wanted)
    wanted = {member: value for member, value in wanted.items() if value}
    with call.records.database.write():
        old = call.records.find(QUEUE, name)
        if old is not None:
            _check_same(old, wanted)
            return {"QueueUrl": url(call, old)}
        doc: Document = {"QueueName": name, "Tags": listed(tags_of(call.request.get("tags")))}
        _check_policies(call, call.records.arn(QUEUE, doc), wanted, fifo=fifo)
        record = call.records.create(QUEUE, doc | _kept(wanted))
    return {"QueueUrl": url(call, record)}


@operation("sqs", "GetQueueUrl")
def get_url(call: Call) -> Document:
    """Answer where a queue is; another account's as well, where its policy says so."""
    account = call.request.get("QueueOwnerAWSAccountId") or call.account
    return {"QueueUrl": url(call, require(call, account, call.request["QueueName"]))}


@operation("sqs", "ListQueues")
def page(call: Call) -> Document:
    """Answer the account's queues by name."""
    prefix = call.request.get("QueueNamePrefix", "")
    found = ((r.name, url(call, r)) for r in call.records.each(QUEUE) if r.name.startswith(prefix))
    urls, more = cut(
        call, found, _limit(call), call.request.get("NextToken"), refused="InvalidParameterValue"
    )
    return ({"QueueUrls": urls} if urls else {}) | ({"NextToken": more} if more else {})


@operation("sqs", "ListDeadLetterSourceQueues")
def sources(call: Call) -> Document:
    """Answer the queues whose dead letters come here."""
    record = queue_of(call)
    every = call.records.scoped(record.account, record.region).each(QUEUE)
    found = ((r.name, url(call, r)) for r in every if _target(set_on(r)) == record.arn)
    urls, more = cut(
        call, found, _limit(call), call.request.get("NextToken"), refused="InvalidParameterValue"
    )
    return {"queueUrls": urls} | ({"NextToken": more} if more else {})


@operation("sqs", "DeleteQueue")
def delete(call: Call) -> None:
    """Delete a queue with its messages; its name is free at once."""
    with call.records.database.write() as connection:
        record = queue_of(call)
        messages.clear(connection, record.uid)
        call.records.delete(record)


@operation("sqs", "PurgeQueue")
def purge(call: Call) -> None:
    """Delete a queue's messages, at most once a minute."""
    now = call.clock.now()
    with call.records.database.write() as connection:
        record = queue_of(call)
        last = record.doc.get("_Purged")
        if last is not None and now - last < _PURGES:
            raise ApiError(
                f"Only one PurgeQueue operation on {record.name} is allowed every 60 seconds.",
                code="PurgeQueueInProgress",
                status=403,
            )
        messages.clear(connection, record.uid)
        call.records.update(record, {"_Purged": now}, touch=False)


@operation("sqs", "GetQueueAttributes")
def get_attributes(call: Call) -> Document:
    """Answer the attributes that are asked for by name, or all."""
    asked = set(call.request.get("AttributeNames") or ())
    record = queue_of(call)
    told = attributes.shown(set_on(record), fifo=is_fifo(record)) | {
        "CreatedTimestamp": str(int(record.created.timestamp())),
        "LastModifiedTimestamp": str(int(record.modified.timestamp())),
        "QueueArn": record.arn,
    }
    if POLICY in record.doc:
        told["Policy"] = record.doc[POLICY]
    if "All" in asked or asked & set(_COUNTED):
        now, queue = millis(call.clock.now()), as_queue(call.records, record)
        with call.records.database.read() as connection:
            counts = messages.count(connection, queue, now)
        told |= {name: str(getattr(counts, counted)) for name, counted in _COUNTED.items()}
    if "All" not in asked:
        told = {name: value for name, value in told.items() if name in asked}
    return {"Attributes": told} if told else {}


@operation("sqs", "SetQueueAttributes")
def set_attributes(call: Call) -> None:
    """Change attributes; a text that is empty takes its attribute away."""
    wanted = call.request["Attributes"]
    with call.records.database.write():
        record = queue_of(call)
        fifo = is_fifo(record)
        attributes.check(wanted, fifo=fifo, creating=False)
        merged = {**set_on(record), **wanted}
        attributes.check_limits(merged)
        _check_policies(call, record.arn, {n: v for n, v in wanted.items() if v}, fifo=fifo)
        kept = _kept({name: value for name, value in merged.items() if value})
        remove = [POLICY] if wanted.get("Policy") == "" else []
        call.records.update(record, kept, remove=remove)


def _kept(wanted: dict[str, str]) -> Document:
    policy = {POLICY: wanted["Policy"]} if "Policy" in wanted else {}
    return {ATTRIBUTES: {name: value for name, value in wanted.items() if name != "Policy"}, **policy}


def _check_same(old: Record, wanted: dict[str, str]) -> None:
    fifo = is_fifo(old)
    has = {**attributes.shown(set_on(old), fifo=fifo), "Policy": old.doc.get(POLICY, "")}
    for name, value in wanted.items():
        if has.get(name, "") != value:
            raise ApiError(QUEUE.conflict_text.format(name=name), code=QUEUE.conflict, status=400)


def _check_policies(call: Call, arn: str, wanted: dict[str, str], *, fifo: bool) -> None:
    if "Policy" in wanted:
        try:
            parse(wanted["Policy"], "own", source="resource")
        except Malformed as error:
            raise unfit("Policy", wanted["Policy"], str(error)) from error
    if "RedriveAllowPolicy" in wanted:
        attributes.redrive_allowed(wanted["RedriveAllowPolicy"], arn)
    if "RedrivePolicy" in wanted:
        _check_redrive(call, arn, wanted["RedrivePolicy"], fifo=fifo)


def _check_redrive(call: Call, arn: str, text: str, *, fifo: bool) -> None:
    target, _ = attributes.redrive(text)
    if target.split(":")[:5] != arn.split(":")[:5]:
        raise unfit("RedrivePolicy", text, "the dead-letter queue must be in the queue's account and region")
    dead = by_arn(call.records, target)
    if dead is None:
        raise unfit("RedrivePolicy", text, "Dead letter target does not exist")
    if is_fifo(dead) != fifo:
        kind = "FIFO" if fifo else "standard"
        raise unfit("RedrivePolicy", text, f"the dead-letter queue of a {kind} queue must be one as well")
    allow = set_on(dead).get("RedriveAllowPolicy")
    if allow is not None and not attributes.redrive_allowed(allow, arn):
        raise unfit("RedrivePolicy", text, f"the RedriveAllowPolicy of {target} does not let this queue in")


def _target(kept: dict[str, str]) -> str:
    return attributes.redrive(kept["RedrivePolicy"])[0] if "RedrivePolicy" in kept else ""


def _limit(call: Call) -> int:
    limit = call.request.get("MaxResults") or _PAGE
    if not 1 <= limit <= _PAGE:
        raise invalid(
            f"Value {limit} for parameter MaxResults is invalid. Reason: Must be between 1 and 1000."
        )
    return int(limit)
