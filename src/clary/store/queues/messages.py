"""Messages of SQS queues: sent, received, deleted.

Everything here is a piece of work for the store's committer, or part of a caller's own write: what several
callers ask for at once becomes true in one transaction, and is on disk before any of them is answered.
"""

from __future__ import annotations

import hashlib
import secrets
import uuid
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Connection,
    RowMapping,
    String,
    and_,
    bindparam,
    case,
    delete,
    func,
    insert,
    null,
    select,
    update,
)
from sqlalchemy.dialects.sqlite import insert as upsert  # PostgreSQL's has the same words

from clary.core.errors import ApiError
from clary.store.queues.message import Counts, Handle, Outgoing, Queue, Received, Sent, opened
from clary.store.queues.tables import DUPLICATES, MESSAGES

DUPLICATES_KEPT = 300_000  # Milliseconds for which a FIFO queue knows a message again.
_SWEEP = 500  # Expired rows that a write takes away with it.
_AT_ONCE = 50  # Rows read at once of a queue that keeps order.
MOST_IN_FLIGHT = 120_000
"""Messages of one queue that are received and not deleted at a time (evidence/sqs.md)."""

_M = MESSAGES.c
_QUEUE, _BEFORE = bindparam("queue", type_=String), bindparam("before", type_=BigInteger)
_LAST, _FIRST = (
    select(end(_M.id)).where(_M.queue == _QUEUE).scalar_subquery() for end in (func.max, func.min)
)
_HIDDEN = select(_M.id).where(_M.queue == _QUEUE, _M.visible > bindparam("now"))
_NTH_HIDDEN = select(
    case((_LAST - _FIRST < _BEFORE, null()), else_=_HIDDEN.offset(_BEFORE).limit(1).scalar_subquery())
)
"""A hidden message that so many come before, if any: two looks at an index where all ids of the queue lie
closer together than that, else a walk over what is hidden in it."""


def send(connection: Connection, queue: str, message: Outgoing, now: int) -> Sent:
    """Put a message into a queue; one that a FIFO queue took already is answered as the first time."""
    key = None
    if message.duplicate_of is not None:
        group = message.group if message.in_group else None
        key = (queue, group or "", message.duplicate_of)
        if (known := duplicate(connection, *key, now)) is not None:
            return known
    made = insert(MESSAGES).values(
        queue=queue,
        visible=now + message.delay * 1000,
        sent=now,
        received=0,
        before=0,
        message_id=(message_id := str(uuid.uuid4())),
        message_group=message.group,
        body=message.body,
        attributes=message.attributes,
        system=message.system,
    )
    sent = Sent(message_id, int(connection.execute(made.returning(_M.id)).scalar_one()))
    if key is not None:
        remember(connection, *key, sent, now)
    return sent


def duplicate(connection: Connection, holder: str, group: str, duplicate_of: str, now: int) -> Sent | None:
    """Return what a FIFO queue or topic took under this name a short while ago."""
    known = DUPLICATES.c
    found = select(known.message_id, known.sequence).where(
        known.holder == holder,
        known.message_group == group,
        known.duplicate_of == duplicate_of,
        known.expires > now,
    )
    row = connection.execute(found).first()
    return None if row is None else Sent(row.message_id, row.sequence)


def remember(
    connection: Connection, holder: str, group: str, duplicate_of: str, sent: Sent, now: int
) -> None:
    """Know a message again for a while; what has been known for long enough is forgotten."""
    known = DUPLICATES.c
    old = select(known.expires).where(known.expires <= now).order_by(known.expires).limit(_SWEEP).subquery()
    connection.execute(
        delete(DUPLICATES).where(known.expires <= select(func.max(old.c.expires)).scalar_subquery())
    )
    values = {
        "expires": now + DUPLICATES_KEPT,
        "message_id": sent.message_id,
        "sequence": sent.sequence,
    }
    kept = upsert(DUPLICATES).values(holder=holder, message_group=group, duplicate_of=duplicate_of, **values)
    key = [known.holder, known.message_group, known.duplicate_of]
    connection.execute(kept.on_conflict_do_update(index_elements=key, set_=values))


def next_sequence(connection: Connection) -> int:
    """Return a number larger than that of every message there is, for a topic that keeps order."""
    mine = {"queue": "", "visible": 0, "sent": 0, "received": 0, "before": 0, "message_id": "", "body": ""}
    made = insert(MESSAGES).values(**mine, attributes={}, system={}).returning(_M.id)
    number = int(connection.execute(made).scalar_one())
    connection.execute(delete(MESSAGES).where(_M.id == number))
    return number


def receive(
    connection: Connection, queue: Queue, limit: int, visibility: int, now: int, attempt: str = ""
) -> list[Received]:
    """Take up to `limit` messages for `visibility` seconds; those that were tried too often are moved away.

    A FIFO queue answers the same `attempt` with the same messages while they are still in flight.
    """
    expire(connection, queue, now)
    mark = hashlib.sha256(attempt.encode()).hexdigest()[:16] if attempt else ""
    if mark and (again := _attempted(connection, queue, mark, visibility, now)):
        return again
    if is_full(connection, queue, now):
        return []
    while True:
        rows = _available(connection, queue, limit, now)
        worn = [row for row in rows if queue.dead_letters and row["received"] >= queue.most_receives]
        if not worn:
            break
        for row in worn:
            _bury(connection, queue, row, now)
    return _take(connection, queue, rows, mark, visibility, now)


def forget(connection: Connection, queue: Queue, handle: str, now: int) -> None:
    """Delete the message that a receipt handle names, unless somebody has received it anew since."""
    named, row = _named(connection, queue, handle)
    if queue.fifo and row is not None and (row["receipt"] != named.receipt or row["visible"] <= now):
        raise _unusable(handle, "The receipt handle has expired.")
    if row is not None and row["receipt"] == named.receipt:
        connection.execute(delete(MESSAGES).where(_M.id == named.id))


def hide(connection: Connection, queue: Queue, handle: str, visibility: int, now: int) -> None:
    """Say for how many seconds from now a message in flight stays with its receiver."""
    named, row = _named(connection, queue, handle)
    if row is None or row["receipt"] != named.receipt:
        why = "Message does not exist or is not available for visibility timeout change."
        raise _unusable(handle, why)
    if row["visible"] <= now:
        raise ApiError(
            f"The message of receipt handle {handle} is not in flight: its visibility timeout is over.",
            code="MessageNotInflight",
            status=400,
        )
    connection.execute(update(MESSAGES).where(_M.id == named.id).values(visible=now + visibility * 1000))


def count(connection: Connection, queue: Queue, now: int) -> Counts:
    """Count a queue's messages that have not expired."""
    kinds = (
        and_(_M.visible <= now),
        and_(_M.visible > now, _M.receipt.is_not(None)),
        and_(_M.visible > now, _M.receipt.is_(None)),
    )
    sums = [func.coalesce(func.sum(case((kind, 1), else_=0)), 0) for kind in kinds]
    row = connection.execute(select(*sums).where(_mine(queue, now))).one()
    return Counts(*(int(value) for value in row))


def clear(connection: Connection, queue: str) -> None:
    """Delete every message of a queue."""
    connection.execute(delete(MESSAGES).where(_M.queue == queue))


def expire(connection: Connection, queue: Queue, now: int) -> None:
    """Take away some of what a queue has kept for longer than it should."""
    old = and_(_M.queue == queue.uid, _M.sent <= now - queue.retention * 1000)
    if (gone := connection.scalars(select(_M.id).where(old).limit(_SWEEP)).all()) != []:
        connection.execute(delete(MESSAGES).where(_M.id.in_(gone)))


def has_some(connection: Connection, queue: Queue, now: int) -> bool:
    """Say whether there is anything to receive, without taking it."""
    return bool(_available(connection, queue, 1, now)) and not is_full(connection, queue, now)


def is_full(connection: Connection, queue: Queue, now: int, most: int = MOST_IN_FLIGHT) -> bool:
    """Say whether as many of a queue's messages are in flight as may be."""
    if connection.scalar(_NTH_HIDDEN, {"queue": queue.uid, "now": now, "before": most - 1}) is None:
        return False  # what is in flight has to be looked at one by one
    flying = select(func.count()).where(_M.queue == queue.uid, _M.visible > now, _M.receipt.is_not(None))
    return int(connection.scalar(flying) or 0) >= most


def stirring(connection: Connection, queues: Collection[Queue], now: int) -> tuple[list[Queue], int]:
    """Return which of these queues have something to receive, and when others may; 0 is never."""
    coming = []
    for queue in queues:
        later = select(func.min(_M.visible)).where(_M.queue == queue.uid, _M.visible > now)
        coming.append(connection.scalar(later))
    found = [queue for queue in queues if has_some(connection, queue, now)]
    return found, min((int(each) for each in coming if each is not None), default=0)


def _mine(queue: Queue, now: int) -> ColumnElement[bool]:
    return and_(_M.queue == queue.uid, _M.sent > now - queue.retention * 1000)


def _available(connection: Connection, queue: Queue, limit: int, now: int) -> list[RowMapping]:
    """Return what may be received: of a FIFO queue's group nothing while somebody has some of it."""
    if queue.fifo:
        return _in_order(connection, queue, limit, now)
    wanted = select(MESSAGES).where(_mine(queue, now), _M.visible <= now).order_by(_M.visible, _M.id)
    return list(connection.execute(wanted.limit(limit)).mappings())


def _in_order(connection: Connection, queue: Queue, limit: int, now: int) -> list[RowMapping]:
    """Return messages in the order of sending, none of a group in flight or behind one that is delayed."""
    hidden = and_(_M.queue == queue.uid, _M.visible > now)
    flying = select(_M.message_group).where(hidden, _M.receipt.is_not(None))
    late = select(_M.message_group, func.min(_M.id)).where(hidden, _M.receipt.is_(None))
    first = {group: number for group, number in connection.execute(late.group_by(_M.message_group))}
    # Sums, so that the order of sending is the index that is read: what is wanted mostly stands first in it.
    fresh = and_(_M.sent + 0 > now - queue.retention * 1000, _M.visible + 0 <= now)
    wanted = select(MESSAGES).where(_M.queue == queue.uid, fresh, _M.message_group.not_in(flying))
    found: list[RowMapping] = []
    with connection.execute(wanted.order_by(_M.id).execution_options(yield_per=_AT_ONCE)) as rows:
        for row in rows.mappings():
            if row["id"] < first.get(row["message_group"], row["id"] + 1):
                found.append(row)
            if len(found) == limit:
                break
    return found


def _take(
    connection: Connection,
    queue: Queue,
    rows: Sequence[RowMapping],
    mark: str,
    visibility: int,
    now: int,
) -> list[Received]:
    taken = []
    for row in rows:
        values = {
            "visible": now + visibility * 1000,
            "received": row["received"] + 1,
            "first_received": row["first_received"] or now,
            "receipt": mark + secrets.token_hex(12),
        }
        connection.execute(update(MESSAGES).where(_M.id == row["id"]).values(values))
        taken.append(_received(queue, {**row, **values}))
    return taken


def _attempted(connection: Connection, queue: Queue, mark: str, visibility: int, now: int) -> list[Received]:
    """Return what an attempt took before, in flight for as long as if it were taken now."""
    same = and_(_M.queue == queue.uid, _M.visible > now, _M.receipt.startswith(mark))
    rows = connection.execute(select(MESSAGES).where(same).order_by(_M.id)).mappings().all()
    if rows:
        connection.execute(update(MESSAGES).where(same).values(visible=now + visibility * 1000))
    return [_received(queue, dict(row)) for row in rows]


def _bury(connection: Connection, queue: Queue, row: RowMapping, now: int) -> None:
    """Move a message to the dead-letter queue. Its age goes on, unless order is what the queue keeps."""
    values = {
        "queue": queue.dead_letters,
        "visible": now,
        "sent": now if queue.fifo else row["sent"],
        "before": row["before"] + row["received"],
        "received": 0,
        "receipt": None,
        "system": {**row["system"], "DeadLetterQueueSourceArn": queue.arn},
    }
    connection.execute(update(MESSAGES).where(_M.id == row["id"]).values(values))


def _received(queue: Queue, row: Mapping[str, Any]) -> Received:
    return Received(
        message_id=row["message_id"],
        sequence=row["id"],
        handle=str(Handle(queue.uid, row["id"], row["receipt"])),
        body=row["body"],
        attributes=row["attributes"],
        system=row["system"],
        group=row["message_group"],
        sent=row["sent"],
        first_received=row["first_received"],
        received=row["before"] + row["received"],
    )


def _named(connection: Connection, queue: Queue, text: str) -> tuple[Handle, RowMapping | None]:
    """Return what a receipt handle says, and the message if the queue still has it."""
    handle = opened(text)
    if handle is None or handle.queue != queue.uid:
        raise ApiError(
            f'The input receipt handle "{text[:1024]}" is not a valid receipt handle of this queue.',
            code="ReceiptHandleIsInvalid",
            status=400,
        )
    wanted = select(MESSAGES).where(_M.id == handle.id, _M.queue == queue.uid)
    return handle, connection.execute(wanted).mappings().first()


def _unusable(handle: str, why: str) -> ApiError:
    words = f"Value {handle} for parameter ReceiptHandle is invalid. Reason: {why}"
    return ApiError(words, code="InvalidParameterValue", status=400)
