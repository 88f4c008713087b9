"""Time series by the calendar: positions, features of a time, and which earlier values say most about it.

The numbers are GluonTS's, so that a trained model means there what it means here.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
Whole = NDArray[np.int64]

HOUR, DAY, WEEK, YEAR = 60, 1440, 10080, 52 * 10080  # minutes
MINUTES = {"min": 1, "H": HOUR, "D": DAY, "W": WEEK}
LONGEST = 1200
ALWAYS = 7
PANDAS = {"min": "min", "H": "h", "D": "D", "W": "W", "M": "M"}

# A cycle, how many of it to look back, how many steps around each.
CYCLES = {
    "min": ((HOUR, 3, 2), (DAY, 7, 1), (WEEK, 4, 1), (30 * DAY, 1, 1), (YEAR, 3, 1), (4 * WEEK, 3, 0)),
    "H": ((DAY, 7, 1), (WEEK, 4, 1), (30 * DAY, 1, 1), (YEAR, 3, 1), (4 * WEEK, 3, 0)),
    "D": ((WEEK, 4, 1), (30 * DAY, 1, 1), (YEAR, 3, 1), (4 * WEEK, 3, 0)),
    "W": ((YEAR, 3, 1), (4 * WEEK, 3, 0)),
    "M": ((12, 3, 1),),
}

# The features of a time, by GluonTS's names, and the number of different values each has.
SIZES = {
    "minute_of_hour": 60,
    "hour_of_day": 24,
    "day_of_week": 7,
    "day_of_month": 31,
    "day_of_year": 366,
    "week_of_year": 53,
    "month_of_year": 12,
}
OF_DAY = ("day_of_week", "day_of_month", "day_of_year")
FEATURES = {
    "min": ("minute_of_hour", "hour_of_day", *OF_DAY),
    "H": ("hour_of_day", *OF_DAY),
    "D": OF_DAY,
    "W": ("day_of_month", "week_of_year"),
    "M": ("month_of_year",),
}


class Frequency(NamedTuple):
    """A unit of time and how many of it lie between two values."""

    unit: str
    multiple: int

    @property
    def pandas(self) -> str:
        """Its name in pandas."""
        return f"{self.multiple if self.multiple > 1 else ''}{PANDAS[self.unit]}"

    @property
    def features(self) -> tuple[str, ...]:
        """Which features its times have."""
        return FEATURES[self.unit]

    def position(self, moment: datetime) -> int:
        """Count the units from 1970 to the one that a moment is in."""
        if self.unit == "M":
            return (moment.year - 1970) * 12 + moment.month - 1
        plain = moment.astimezone(UTC).replace(tzinfo=None) if moment.tzinfo else moment
        minutes = int((plain - datetime(1970, 1, 1)).total_seconds() // 60)  # noqa: DTZ001 - all are plain
        if self.unit == "W":  # weeks begin on Mondays; 1970 began on a Thursday
            return (minutes + 3 * DAY) // WEEK
        return minutes // MINUTES[self.unit]

    def times(self, start: int, count: int) -> Floats:
        """Return the features of times from a position on, one row each, within ±0.5."""
        positions = start + np.arange(count, dtype=np.int64) * self.multiple
        if self.unit == "M":
            found = {"month_of_year": positions % 12}
        else:
            minutes = positions * MINUTES[self.unit] + (3 * DAY if self.unit == "W" else 0)  # a week's Sunday
            found = _of_days(minutes // DAY)
            found |= {"minute_of_hour": minutes % HOUR, "hour_of_day": minutes // HOUR % 24}
        columns = [found[name] / (SIZES[name] - 1) - 0.5 for name in self.features]
        return np.stack(columns, axis=1).astype(np.float32)

    def lags(self) -> list[int]:
        """Return how many steps back the network looks."""
        step = self.multiple * MINUTES.get(self.unit, 1)
        around = {
            number * cycle // step + offset
            for cycle, count, near in CYCLES[self.unit]
            for number in range(1, count + 1)
            for offset in range(-near, near + 1)
        }
        return [*range(1, ALWAYS + 1), *sorted(lag for lag in around if ALWAYS < lag <= LONGEST)]


def parse(written: str) -> Frequency | None:
    """Read a frequency such as `2H` or `5min`; None when it is none."""
    match = re.fullmatch(r"([1-9]\d*)?(M|W|D|H|h|min)", written.strip())
    return Frequency(match[2].replace("h", "H"), int(match[1] or 1)) if match else None


def moment(written: object) -> datetime:
    """Read a start; a ValueError says that it is none."""
    if isinstance(written, datetime):
        return written
    return datetime.fromisoformat(str(written).strip())


def _of_days(days: Whole) -> dict[str, Whole]:
    dates = days.astype("datetime64[D]")
    months, years = dates.astype("datetime64[M]"), dates.astype("datetime64[Y]")
    weekday = (days + 3) % 7
    thursday = (days - weekday + 3).astype("datetime64[D]")
    return {
        "day_of_week": weekday,
        "day_of_month": _days(dates - months.astype("datetime64[D]")),
        "day_of_year": _days(dates - years.astype("datetime64[D]")),
        "week_of_year": _days(thursday - thursday.astype("datetime64[Y]").astype("datetime64[D]")) // 7,
    }


def _days(span: NDArray[np.timedelta64]) -> Whole:
    return span.astype("timedelta64[D]").astype(np.int64)
