"""Cron expressions of EventBridge: which days and minutes of a calendar they mean."""

from __future__ import annotations

import calendar
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta

_MONTHS = ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC")
_DAYS = ("SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT")
MONTHS = {name: number for number, name in enumerate(_MONTHS, 1)}
DAYS = {name: number for number, name in enumerate(_DAYS, 1)}
FIRST_YEAR, LAST_YEAR = 1970, 2199


class ScheduleFault(ValueError):
    """An expression cannot be read; its text says why."""


@dataclass(frozen=True)
class Cron:
    """A cron expression. Days are told by their month or by their week, never by both."""

    minutes: tuple[int, ...]
    hours: tuple[int, ...]
    day: str
    months: tuple[int, ...]
    weekday: str
    years: tuple[int, ...]

    def after(self, moment: datetime) -> Iterator[datetime]:
        """Yield the local times that follow a local time, in their order; neither knows a zone."""
        for year in self.years:
            if year < moment.year:
                continue
            for month in self.months:
                if (year, month) < (moment.year, moment.month):
                    continue
                yield from self._of_month(year, month, moment)

    def _of_month(self, year: int, month: int, moment: datetime) -> Iterator[datetime]:
        for number in sorted(self._days(year, month)):
            day = date(year, month, number)
            if day < moment.date():
                continue
            for hour in self.hours:
                for minute in self.minutes:
                    found = datetime.combine(day, time(hour, minute))
                    if found > moment:
                        yield found

    def _days(self, year: int, month: int) -> set[int]:
        last = calendar.monthrange(year, month)[1]
        if self.weekday == "?":
            return _month_days(self.day, year, month, last)
        return _week_days(self.weekday, year, month, last)


def read(text: str) -> Cron:
    """Read the six fields of a cron expression."""
    fields = text.split()
    if len(fields) != 6:
        raise ScheduleFault(
            f"cron({text}) has {len(fields)} fields; there must be six, the last one the year"
        )
    minute, hour, day, month, weekday, year = (field.upper() for field in fields)
    if (day == "?") == (weekday == "?"):
        raise ScheduleFault("one of day-of-month and day-of-week must be ?, and the other one not")
    cron = Cron(
        minutes=_numbers(minute, 0, 59, {}),
        hours=_numbers(hour, 0, 23, {}),
        day=day,
        months=_numbers(month, 1, 12, MONTHS),
        weekday=weekday,
        years=_numbers(year, FIRST_YEAR, LAST_YEAR, {}),
    )
    if weekday == "?":
        _check_day(day)
    else:
        _check_weekday(weekday)
    return cron


def _numbers(field: str, low: int, high: int, names: Mapping[str, int]) -> tuple[int, ...]:
    """Return the numbers that a list of values, ranges and steps stands for."""
    found: set[int] = set()
    for part in field.split(","):
        span, slash, step = part.partition("/")
        if slash and not re.fullmatch(r"[1-9]\d{0,3}", step):
            raise ScheduleFault(f"{part!r}: a step is a number behind the slash")
        first, dash, last = span.partition("-")
        if span == "*":
            begin, end = low, high
        else:
            begin = _number(first, low, high, names)
            end = _number(last, low, high, names) if dash else (high if slash else begin)
        if end < begin:
            raise ScheduleFault(f"{part!r}: the range ends before it begins")
        found.update(range(begin, end + 1, int(step) if slash else 1))
    return tuple(sorted(found))


def _number(text: str, low: int, high: int, names: Mapping[str, int]) -> int:
    if text in names:
        return names[text]
    if not re.fullmatch(r"\d{1,4}", text) or not low <= int(text) <= high:
        raise ScheduleFault(
            f"{text!r} must be a number from {low} to {high}" + (" or a name" if names else "")
        )
    return int(text)


def _check_day(field: str) -> None:
    for part in field.split(","):
        if not re.fullmatch(r"L|LW|L-([1-9]|[12]\d|30)|([1-9]|[12]\d|3[01])W", part):
            _numbers(part, 1, 31, {})


def _check_weekday(field: str) -> None:
    for part in field.split(","):
        if match := re.fullmatch(r"(\w+)#([1-5])|(\w+)L", part):
            _number(match[1] or match[3], 1, 7, DAYS)
        elif part != "L":
            _numbers(part, 1, 7, DAYS)


def _month_days(field: str, year: int, month: int, last: int) -> set[int]:
    found: set[int] = set()
    for part in field.split(","):
        if part == "L":
            found.add(last)
        elif part == "LW":
            found.add(_workday(year, month, last, last))
        elif match := re.fullmatch(r"L-(\d+)", part):
            found.add(last - int(match[1]))
        elif match := re.fullmatch(r"(\d+)W", part):
            if int(match[1]) <= last:
                found.add(_workday(year, month, int(match[1]), last))
        else:
            found.update(_numbers(part, 1, 31, {}))
    return {day for day in found if 1 <= day <= last}


def _workday(year: int, month: int, day: int, last: int) -> int:
    """Return the weekday nearest to a day, within its month."""
    of_week = date(year, month, day).weekday()
    if of_week == 5:
        return day - 1 if day > 1 else day + 2
    if of_week == 6:
        return day + 1 if day < last else day - 2
    return day


def _week_days(field: str, year: int, month: int, last: int) -> set[int]:
    by_day: dict[int, list[int]] = {}
    start = date(year, month, 1)
    for number in range(1, last + 1):
        of_week = (start + timedelta(days=number - 1)).isoweekday() % 7 + 1
        by_day.setdefault(of_week, []).append(number)
    found: set[int] = set()
    for part in field.split(","):
        if match := re.fullmatch(r"(\w+)#([1-5])", part):
            days, which = by_day[_number(match[1], 1, 7, DAYS)], int(match[2])
            found.update(days[which - 1 : which])
        elif part == "L":
            found.update(by_day[7])
        elif match := re.fullmatch(r"(\w+)L", part):
            found.add(by_day[_number(match[1], 1, 7, DAYS)][-1])
        else:
            for day in _numbers(part, 1, 7, DAYS):
                found.update(by_day[day])
    return found
