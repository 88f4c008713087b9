"""When a schedule is due: at() once, rate() again and again, cron() by the calendar of a time zone.

What AWS says of zones, clock changes and first times, and what we do about times that were missed:
evidence/event-schedules.md.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from clary.engines.events import cron
from clary.engines.events.cron import Cron, ScheduleFault

__all__ = ["Schedule", "ScheduleFault", "read", "zone"]

_UNITS = {"minute": timedelta(minutes=1), "hour": timedelta(hours=1), "day": timedelta(days=1)}
_FORMS = (
    "at(yyyy-mm-ddThh:mm:ss), rate(value unit) or cron(minutes hours day-of-month month day-of-week year)"
)


@dataclass(frozen=True, kw_only=True)
class Schedule:
    """One of: a moment, a period, the fields of a cron expression with their zone."""

    once: datetime | None = None
    period: timedelta | None = None
    cron: Cron | None = None
    zone: tzinfo = UTC

    def next(self, after: datetime, start: datetime) -> datetime | None:
        """Return the first time behind `after`, None when there is none; a rate begins at `start`."""
        if self.once is not None:
            return self.once if self.once > after else None
        if self.period is not None:
            if after < start:
                return start
            return start + ((after - start) // self.period + 1) * self.period
        return self._next_by_calendar(after)

    def last(self, behind: datetime, until: datetime, start: datetime) -> datetime | None:
        """Return the latest time behind `behind` and not behind `until`, None when there is none."""
        if self.period is not None:
            found = start + (until - start) // self.period * self.period
            return found if found > behind and found >= start else None
        latest: datetime | None = None
        coming = self.next(behind, start)
        while coming is not None and coming <= until:
            latest, coming = coming, self.next(coming, start)
        return latest

    def _next_by_calendar(self, after: datetime) -> datetime | None:
        if self.cron is None:
            return None
        # An hour that comes twice was local time once before: begin early enough for what it hides.
        begin = (after.astimezone(self.zone) - timedelta(hours=3)).replace(tzinfo=None)
        for local in self.cron.after(begin):
            moment = local.replace(tzinfo=self.zone).astimezone(UTC)
            if moment.astimezone(self.zone).replace(tzinfo=None) != local:
                continue  # the clocks were put forward over it
            if moment > after:
                return moment
        return None


def read(text: str, place: tzinfo = UTC, *, once: bool = True, strict: bool = False) -> Schedule:
    """Read an expression; raise ScheduleFault with what is wrong with it.

    `once` says that at() is allowed, `strict` that 1 has a singular unit and others a plural one.
    """
    match = re.fullmatch(r"(at|rate|cron)\((.*)\)", text.strip())
    if match is None or (match[1] == "at" and not once):
        raise ScheduleFault(
            f"it is {text[:128]!r}; it must be {_FORMS if once else _FORMS.partition(', ')[2]}"
        )
    if match[1] == "at":
        return Schedule(once=_moment(match[2], place), zone=place)
    if match[1] == "rate":
        return Schedule(period=_period(match[2], strict=strict), zone=place)
    return Schedule(cron=cron.read(match[2]), zone=place)


def zone(name: str) -> tzinfo:
    """Return a time zone by its name."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise ScheduleFault(f"{name!r} is no time zone; it must be like Europe/Berlin or UTC") from error


def _moment(text: str, place: tzinfo) -> datetime:
    if not re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d", text):
        raise ScheduleFault(f"at({text[:64]}) must be like at(2026-11-23T12:00:00)")
    try:
        return datetime.fromisoformat(text).replace(tzinfo=place).astimezone(UTC)
    except ValueError as error:
        raise ScheduleFault(f"at({text}): {error}") from error


def _period(text: str, *, strict: bool) -> timedelta:
    match = re.fullmatch(r"([1-9]\d{0,8}) +(minute|hour|day)(s?)", text.strip())
    if match is None:
        raise ScheduleFault(f"rate({text[:64]}) must be a number and minutes, hours or days")
    if strict and (match[1] == "1") == bool(match[3]):
        raise ScheduleFault(f"rate({text}): 1 minute, hour or day; 2 or more minutes, hours or days")
    return int(match[1]) * _UNITS[match[2]]
