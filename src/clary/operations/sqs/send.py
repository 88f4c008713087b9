"""SendMessage: answered once the message is on disk, together with others that came at the same time."""

from __future__ import annotations

from sqlalchemy import Connection

from clary.core.document import Document
from clary.engines.sqs import digest
from clary.operations.registry import Call, operation
from clary.operations.sqs import batch
from clary.operations.sqs.outgoing import outgoing
from clary.operations.sqs.queues import as_queue, is_fifo, millis, queue_of
from clary.store.queues import messages
from clary.store.queues.message import Outgoing, Sent
from clary.store.record import Record


@operation("sqs", "SendMessage")
def send(call: Call) -> Document:
    """Put one message into a queue."""
    record = queue_of(call)
    message = outgoing(record, call.request, call.principal.user_id)
    [sent] = _put(call, record, [message])
    return _told(record, call.request, sent)


@operation("sqs", "SendMessageBatch")
def send_batch(call: Call) -> Document:
    """Put up to ten messages into a queue, all those that can be sent in one transaction."""
    record, entries = queue_of(call), call.request["Entries"]
    batch.check(entries)
    sizes = (digest.size_of(e.get("MessageBody") or "", e.get("MessageAttributes") or {}) for e in entries)
    batch.check_size(sum(sizes))
    ready: list[tuple[Document, Outgoing]] = []

    def take(entry: Document) -> Document:
        ready.append((entry, outgoing(record, entry, call.principal.user_id)))
        return {}

    answer = batch.each(entries, take)
    sent = _put(call, record, [message for _, message in ready])
    pairs = zip(ready, sent, strict=True)
    return answer | {"Successful": [{"Id": e["Id"], **_told(record, e, each)} for (e, _), each in pairs]}


def _put(call: Call, record: Record, outbound: list[Outgoing]) -> list[Sent]:
    now, queue = millis(call.clock.now()), as_queue(call.records, record)

    def work(connection: Connection) -> list[Sent]:
        messages.expire(connection, queue, now)
        return [messages.send(connection, record.uid, message, now) for message in outbound]

    return call.objects.committer.run(work) if outbound else []


def _told(record: Record, request: Document, sent: Sent) -> Document:
    told: Document = {
        "MessageId": sent.message_id,
        "MD5OfMessageBody": digest.of_body(request["MessageBody"]),
    }
    if named := request.get("MessageAttributes"):
        told["MD5OfMessageAttributes"] = digest.of_attributes(named)
    if named := request.get("MessageSystemAttributes"):
        told["MD5OfMessageSystemAttributes"] = digest.of_attributes(named)
    if is_fifo(record):
        told["SequenceNumber"] = f"{sent.sequence:020d}"
    return told
