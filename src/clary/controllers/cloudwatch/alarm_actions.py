"""What an alarm sets off, and how its changes are written: with their history, in one transaction."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from clary.controllers.means import Means
from clary.controllers.step import AT_ONCE, Step
from clary.core.document import Document
from clary.engines.cloudwatch.history import Change, Entry, acted, moved, written
from clary.store.metrics.alarm_history import AlarmHistory, Item
from clary.store.records import Record

Deliver = Callable[[Record, str, Document], str | None]
"""Hands an alarm's action on: (alarm, ARN, what changed) → None, or why it was not done."""

MOVE, ACT = "move", "act"
NOBODY = "Clary has nobody to hand {arn} to yet; its alarms change their state and keep their history."


def to_nobody(_alarm: Record, action: str, _pending: Document) -> str | None:
    """Deliver nothing, and say so: functions, machines and operators' items are not served."""
    return NOBODY.format(arn=":".join(action.split(":", 3)[:3]))


def pending(record: Record) -> Step | None:
    """Return the step for actions that wait."""
    return Step(effect=ACT, remove=("_Pending",), again=AT_ONCE) if record.doc.get("_Pending") else None


def move(record: Record, state: str, reason: str, data: str | None, now: datetime) -> Step:
    """Return the step into another state."""
    change = moved(record.doc, f"{record.uid}/{record.version}", state, reason, data, now)
    return Step(effect=MOVE, write=change.members, again=AT_ONCE)


def perform(means: Means, deliver: Deliver, record: Record, step: Step, now: datetime) -> Document:
    """Write a change with its history, or do the actions that wait. Either is harmless to do twice.

    After a change the loop finds the record moved, and looks at once again.
    """
    if step.effect == ACT:
        entries = [
            acted(each, action, deliver(record, action, each), now)
            for each in record.doc.get("_Pending", ())
            for action in each["Actions"]
        ]
        _keep(means, record, entries)
        return {}
    members: dict[str, Any] = step.write
    told = moved(
        record.doc,
        f"{record.uid}/{record.version}",
        members["StateValue"],
        members["StateReason"],
        members["StateReasonData"],
        members["StateUpdatedTimestamp"],
    )
    _write(means, record, told, now)
    return {}


def until_next(now: datetime, grain: int) -> timedelta:
    """Return how long it is until a second after the next multiple of `grain` seconds."""
    return timedelta(seconds=grain - now.timestamp() % grain + 1)


def _write(means: Means, record: Record, change: Change, now: datetime) -> None:
    with means.records.database.write():
        means.records.update(record, change.members, due=now, touch=False)
        _keep(means, record, [change.entry])


def _keep(means: Means, record: Record, entries: list[Entry]) -> None:
    items = [
        Item(
            alarm=record.name,
            alarm_type=record.kind,
            key=entry.key,
            kind=entry.kind,
            at=entry.at,
            summary=entry.summary,
            data=written(entry.data),
        )
        for entry in entries
    ]
    AlarmHistory(means.records.database, record.account, record.region).add(items)
