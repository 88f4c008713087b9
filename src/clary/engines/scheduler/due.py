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
    behind = max(since - grace, now - age, last or since - grace)
    if times.once is None:
        behind = max(behind, start - _MOMENT)
    until = now if end is None else min(now, end)
    came = times.last(behind, until, start)
    if came is not None and (moment := came + later(doc, uid, came)) <= now:
        return Due(at=came)
    if came is not None:
        return Due(look=moment)
    coming = times.next(max(now, behind), start)
    if coming is None or (end is not None and coming > end):
        return Due()
    return Due(look=coming + later(doc, uid, coming))


def later(doc: Document, uid: str, at: datetime) -> timedelta:
    """Return how far into its flexible window a time is acted on: the same for the same time."""
    window = doc["FlexibleTimeWindow"]
    if window["Mode"] == "OFF":
        return timedelta(0)
    digest = hashlib.sha256(f"{uid}{at.astimezone(UTC).isoformat()}".encode()).digest()
    seconds = window.get("MaximumWindowInMinutes", 1) * 60
    return timedelta(seconds=int.from_bytes(digest[:4], "big") % seconds)
