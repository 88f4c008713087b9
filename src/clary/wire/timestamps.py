"""The three ways AWS writes a point in time."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

_NUMBER = re.compile(r"[+-]?[0-9]{1,15}(\.[0-9]{1,12})?([eE][+-]?[0-9]{1,2})?")
_HTTP_DATE = re.compile(
    r"(?:[A-Za-z]{3}, )?([0-9]{1,2}) ([A-Za-z]{3}) ([0-9]{4}) "
    r"([0-9]{2}):([0-9]{2}):([0-9]{2})(\.[0-9]{1,9})? (?:GMT|UTC|[+-]0000)"
)
_NAMES = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_MONTHS = {name: number for number, name in enumerate(_NAMES, start=1)}
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def from_text(text: str) -> datetime:
    """Read an ISO 8601, HTTP or epoch time, whichever it is; anything else is a ValueError."""
    text = text.strip()
    if _NUMBER.fullmatch(text):
        return from_epoch(float(text))
    if match := _HTTP_DATE.fullmatch(text):
        day, month, year, hour, minute, second, fraction = match.groups()
        if month not in _MONTHS:
            raise ValueError(f"{text!r} names no month")
        micro = round(float(fraction or 0) * 1_000_000)
        whole = datetime(int(year), _MONTHS[month], int(day), int(hour), int(minute), int(second), tzinfo=UTC)
        return whole + timedelta(microseconds=micro)
    if not text.isascii():
        raise ValueError(f"{text!r} is not a time")
    try:
        when = datetime.fromisoformat(text)
        return when.replace(tzinfo=UTC) if when.tzinfo is None else when.astimezone(UTC)
    except OverflowError as error:
        raise ValueError(f"{text!r} is out of range") from error


def from_epoch(seconds: float) -> datetime:
    """Read seconds since 1970; outside of the years 1 to 9999 is a ValueError."""
    try:
        return _EPOCH + timedelta(seconds=seconds)
    except OverflowError as error:
        raise ValueError(f"{seconds} is out of range") from error


def to_text(when: datetime, style: str) -> str:
    """Write a time as `iso8601`, `rfc822` or `unixTimestamp`."""
    if style == "iso8601":
        return to_iso8601(when)
    if style == "rfc822":
        return format_datetime(when.astimezone(UTC), usegmt=True)
    return str(to_epoch(when))


def to_iso8601(when: datetime) -> str:
    """Write an ISO 8601 time in UTC, with milliseconds where there are any."""
    when = when.astimezone(UTC).replace(tzinfo=None)
    return when.isoformat(timespec="milliseconds" if when.microsecond >= 1000 else "seconds") + "Z"


def to_epoch(when: datetime) -> float | int:
    """Write seconds since 1970 in milliseconds' precision, without a fraction when there is none."""
    milliseconds = (when - _EPOCH) // timedelta(milliseconds=1)
    return milliseconds // 1000 if milliseconds % 1000 == 0 else milliseconds / 1000
