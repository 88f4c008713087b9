"""Times as the tables hold them: microseconds since 1970 UTC."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import overload

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


@overload
def micros(time: datetime) -> int: ...
@overload
def micros(time: datetime | None) -> int | None: ...
def micros(time: datetime | None) -> int | None:
    """Return a time as an integer; None stays None."""
    return None if time is None else (time - _EPOCH) // _MICROSECOND


def from_micros(count: int) -> datetime:
    """Return the time that `micros` counted."""
    return _EPOCH + count * _MICROSECOND
