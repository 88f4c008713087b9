"""Which queue a call means, and what the others of this package need to know of it."""

from __future__ import annotations

from datetime import datetime

from clary.core.arn import parse as parse_arn
from clary.core.errors import ApiError
from clary.engines.sqs import attributes
from clary.engines.sqs.url import named, url_of
from clary.operations.registry import Call
from clary.resources.sqs.queue import QUEUE
from clary.store.queues.message import Queue
from clary.store.record import Record
from clary.store.records import Records
from clary.store.times import micros

ATTRIBUTES = "_Attributes"
"""The member in which a queue's record keeps the attributes that were set, but for its policy."""


def queue_of(call: Call) -> Record:
    """Return the queue that a request names by its URL."""
    url = call.request["QueueUrl"]
    found = named(url)
    if found is None:
        words = f"The address {url[:256]} is not valid for this endpoint: it must end in /<account>/<queue>."
        raise ApiError(words, code="InvalidAddress", status=404)
    return require(call, *found)


def require(call: Call, account: str, name: str) -> Record:
    """Return a queue of any account in the call's region."""
    records = call.records if account == call.account else call.records.scoped(account, call.region)
    record = records.find(QUEUE, name)
    if record is None:
        raise absent()
    return record


def by_arn(records: Records, arn: str) -> Record | None:
    """Return the queue of an ARN."""
    parsed = parse_arn(arn)
    record = records.by_arn(arn) if parsed is not None and parsed.service == "sqs" else None
    return record if record is not None and record.kind == QUEUE.kind else None


def url(call: Call, record: Record) -> str:
    """Return a queue's URL as the caller of a request can use it."""
    host = call.headers.get("host") or f"{call.settings.host}:{call.settings.port}"
    return url_of(str(host), record.account, record.name)


def is_fifo(record: Record) -> bool:
    """Say whether a queue keeps order."""
    return record.name.endswith(".fifo")


def set_on(record: Record) -> dict[str, str]:
    """Return the attributes that were set on a queue."""
    kept: dict[str, str] = record.doc[ATTRIBUTES]
    return kept


def as_queue(records: Records, record: Record) -> Queue:
    """Return what the store needs to know of a queue; dead letters stay where their queue is gone."""
    kept, dead, most = set_on(record), None, 0
    if "RedrivePolicy" in kept:
        arn, most = attributes.redrive(kept["RedrivePolicy"])
        dead = by_arn(records, arn)
    return Queue(
        uid=record.uid,
        arn=record.arn,
        fifo=is_fifo(record),
        retention=attributes.number(kept, "MessageRetentionPeriod"),
        dead_letters=dead.uid if dead else "",
        most_receives=most,
    )


def millis(time: datetime) -> int:
    """Return a time as the store's messages have it."""
    return micros(time) // 1000


def absent() -> ApiError:
    """Return the error that says a queue is not there."""
    return ApiError(QUEUE.missing_text, code=QUEUE.missing, status=QUEUE.missing_status)
