"""When a schedule's time has come: within its dates, later by its place in a flexible window.

evidence/event-schedules.md says what happens to times that nobody was there for.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from clary.core.document import Document
from clary.engines.events import schedule

AGE = 86_400  # seconds for which a time that was missed is made up for, where a retry policy says nothing
PRECISION = timedelta(minutes=1)  # So long a first time may be over when its schedule is put.
_MOMENT = timedelta(microseconds=1)


@dataclass(frozen=True)
class Due:
    """What is the case now: a time that has come, else when to look again; neither when it is all over."""

    at: datetime | None = None
    look: datetime | None = None


def read(doc: Document) -> schedule.Schedule:
    """Read a schedule's expression in its time zone; raise ScheduleFault with what is wrong."""
    place = schedule.zone(doc.get("ScheduleExpressionTimezone", "UTC"))
    return schedule.read(doc["ScheduleExpression"], place)


def due(
    doc: Document, uid: str, made: datetime, since: datetime, last: datetime | None, now: datetime
) -> Due:
    """Say whether a time has come that is behind the last one and `since`, when it was put like this."""
    times = read(doc)
    start: datetime = doc.get("StartDate") or made
    end: datetime | None = doc.get("EndDate")
    age = timedelta(seconds=doc["Target"].get("RetryPolicy", {}).get("MaximumEventAgeInSeconds", AGE))
    grace = _MOMENT if times.cron or last else PRECISION
    behind = max(since - grace, now - age - window(doc), last or since - grace)
    if times.once is None:
        behind = max(behind, start - _MOMENT)
    missed = times.last(behind, now - window(doc) if end is None else min(now - window(doc), end), start)
    if missed is not None:
        if missed + later(doc, uid, missed) + age >= now:
            return Due(at=missed)
        behind = missed
    coming = times.next(behind, start)  # one after the other, be the window longer than the time between
    if coming is None or (end is not None and coming > end):
        return Due()
    moment = coming + later(doc, uid, coming)
    return Due(at=coming) if moment <= now else Due(look=moment)


def window(doc: Document) -> timedelta:
    """Return how far apart the times are at most that a time may be acted on."""
    flexible = doc["FlexibleTimeWindow"]
    if flexible["Mode"] == "OFF":
        return timedelta(0)
    return timedelta(minutes=flexible.get("MaximumWindowInMinutes", 1))


def later(doc: Document, uid: str, at: datetime) -> timedelta:
    """Return how far into its flexible window a time is acted on: the same for the same time."""
    if not (seconds := int(window(doc).total_seconds())):
        return timedelta(0)
    digest = hashlib.sha256(f"{uid}{at.astimezone(UTC).isoformat()}".encode()).digest()
    return timedelta(seconds=int.from_bytes(digest[:4], "big") % seconds)
