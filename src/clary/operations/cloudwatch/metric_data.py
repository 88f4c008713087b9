"""PutMetricData: every point that is taken is on disk when the call is answered.

Limits and their words: evidence/cloudwatch-metrics.md.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import timedelta

from clary.core.document import Document
from clary.operations.cloudwatch.words import clash, invalid, missing
from clary.operations.registry import Call, operation
from clary.store.metrics import Columns, Series
from clary.store.metrics.store import STANDARD, subject_of
from clary.store.times import micros

MOST_METRICS = 1000
MOST_VALUES = 150
_LARGEST = 2.0**360
_PAST, _FUTURE = timedelta(weeks=2), timedelta(hours=2)
_VALUE, _COUNTED, _SET = "qd", "qdd", "qdddd"


@operation("cloudwatch", "PutMetricData")
def put(call: Call) -> None:
    """Add points; one mistake refuses all of them."""
    request = call.request
    if "EntityMetricData" in request:
        raise invalid("EntityMetricData is not available here; send MetricData.")
    data = request.get("MetricData", [])
    if not data:
        raise missing("The parameter MetricData is required.")
    if len(data) > MOST_METRICS:
        raise invalid(f"The collection MetricData must not have a size greater than {MOST_METRICS}.")
    _check_namespace(request["Namespace"])
    batch: dict[tuple[Series, str], Columns] = {}
    for number, datum in enumerate(data, 1):
        member = f"MetricData.member.{number}"
        series = _series(call, datum, member)
        layout, points = _points(datum, member)
        columns = batch.setdefault((series, layout), Columns.empty(layout))
        at = _time(call, datum, member)
        for point in points:
            columns.append(at, *point)
    call.metrics.put([(series, columns) for (series, _), columns in batch.items()])


def dimensions(given: Sequence[Document], member: str = "Dimensions") -> tuple[tuple[str, str], ...]:
    """Return a request's dimensions; a name that comes twice is refused."""
    found = {each["Name"]: each["Value"] for each in given}
    if len(found) != len(given):
        raise invalid(f"The parameter {member} must not contain a dimension's name twice.")
    return tuple(sorted(found.items()))


def _check_namespace(namespace: str) -> None:
    if namespace.startswith("AWS/"):
        raise invalid(
            f"The value {namespace} for parameter Namespace is invalid: one of your own does not begin "
            "with AWS/."
        )


def _series(call: Call, datum: Document, member: str) -> Series:
    resolution = datum.get("StorageResolution", STANDARD)
    if resolution not in (1, STANDARD):
        raise invalid(f"The parameter {member}.StorageResolution must be 1 or 60, not {resolution}.")
    named = dimensions(datum.get("Dimensions", ()), f"{member}.Dimensions")
    return Series(
        call.account,
        call.region,
        call.request["Namespace"],
        datum["MetricName"],
        subject_of(named),
        datum.get("Unit", "None"),
        resolution,
    )


def _time(call: Call, datum: Document, member: str) -> int:
    """Return a datum's time in milliseconds, to the second."""
    now = call.clock.now()
    time = datum.get("Timestamp", now)
    if not now - _PAST <= time <= now + _FUTURE:
        raise invalid(
            f"The parameter {member}.Timestamp must specify a time no more than two weeks in the past and "
            "two hours in the future."
        )
    return micros(time) // 1_000_000 * 1000


def _points(datum: Document, member: str) -> tuple[str, list[tuple[float, ...]]]:
    """Return a datum's points without their time, and their layout."""
    kinds = [name for name in ("Value", "Values", "StatisticValues") if name in datum]
    if len(kinds) > 1:
        raise clash(f"The parameters {member}.{kinds[0]} and {member}.{kinds[1]} are mutually exclusive.")
    if not kinds:
        raise missing(f"At least one of {member}.Value, Values and StatisticValues must be specified.")
    if "Counts" in datum and kinds != ["Values"]:
        raise clash(f"The parameter {member}.Counts goes with {member}.Values.")
    if kinds == ["Value"]:
        return _VALUE, [(_number(datum["Value"], f"{member}.Value"),)]
    if kinds == ["Values"]:
        return _counted(datum, member)
    return _set(datum["StatisticValues"], f"{member}.StatisticValues")


def _counted(datum: Document, member: str) -> tuple[str, list[tuple[float, ...]]]:
    values = [_number(value, f"{member}.Values") for value in datum["Values"]]
    if not values or len(values) > MOST_VALUES:
        raise invalid(
            f"The parameter {member}.Values must have 1 to {MOST_VALUES} values, not {len(values)}."
        )
    if "Counts" not in datum:
        return _VALUE, [(value,) for value in values]
    counts = [_number(count, f"{member}.Counts") for count in datum["Counts"]]
    if len(counts) != len(values):
        raise clash(f"The parameters {member}.Values and {member}.Counts must be of the same size.")
    if min(counts) < 0:
        raise invalid(f"The parameter {member}.Counts must not have a negative count.")
    return _COUNTED, [*zip(values, counts, strict=True)]


def _set(given: Document, member: str) -> tuple[str, list[tuple[float, ...]]]:
    names = ("Sum", "SampleCount", "Minimum", "Maximum")
    total, count, low, high = (_number(given[name], f"{member}.{name}") for name in names)
    if count <= 0 or low > high:
        raise invalid(f"The parameter {member} must count at least one sample, and Minimum not pass Maximum.")
    if low == high and math.isclose(total, low * count):
        return _COUNTED, [(low, count)]  # All are alike: percentiles are known.
    return _SET, [(total, count, low, high)]


def _number(value: float, member: str) -> float:
    if not math.isfinite(value) or abs(value) > _LARGEST:
        raise invalid(
            f"The value {value} for parameter {member} is invalid: it must be within -2^360 and 2^360."
        )
    return float(value)
