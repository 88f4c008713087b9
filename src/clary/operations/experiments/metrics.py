"""SageMaker's metric service: what training tells of itself while it runs.

What AWS leaves undocumented, the unit of the x axis above all: evidence/sagemaker-metrics.md.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import islice

from clary.core.arn import Arn
from clary.core.arn import parse as parse_arn
from clary.core.document import Document
from clary.core.errors import ValidationError
from clary.engines.cloudwatch.buckets import buckets
from clary.operations.registry import Call, operation
from clary.resources import registry
from clary.store.lineage import measured
from clary.store.metrics import SAGEMAKER, Columns, Series
from clary.store.metrics.store import resource_series
from clary.store.metrics.writer import Batch
from clary.store.times import micros

MOST_NAMES = 10_000
"""Metrics of one resource. AWS has a limit and does not say which; this one keeps a mistake from going on."""

MOST_VALUES = 100_000
"""Points in the answer to one query; what is beyond is left out and the answer says Truncated."""

_MOST_STEP = 2**31 - 1
_PERIODS = {"OneMinute": 60_000, "FiveMinute": 300_000, "OneHour": 3_600_000}  # milliseconds
_TIME, _STEP = 0, 1  # columns


def _deviation(values: Sequence[float]) -> float:
    mean = math.fsum(values) / len(values)
    return math.sqrt(math.fsum((value - mean) ** 2 for value in values) / len(values))


_STATISTICS: dict[str, Callable[[Sequence[float]], float]] = {
    "Min": min,
    "Max": max,
    "Avg": lambda values: math.fsum(values) / len(values),
    "Count": len,
    "StdDev": _deviation,
    "Last": lambda values: values[-1],
}


@dataclass(frozen=True)
class Taken:
    """What is taken of the points of one call, and what is reported of the others."""

    batch: Batch
    errors: Sequence[Document]

    def answer(self) -> Document:
        """Return the answer to the call, once its points are on disk."""
        return {"Errors": list(self.errors)} if self.errors else {}


@operation("sagemaker-metrics", "BatchPutMetrics")
def put(call: Call) -> Document:
    """Add points to the metrics of a trial component; one that cannot be taken is reported by its place."""
    _require(call, component_arn(call, call.request["TrialComponentName"]))
    taken = take(call)
    call.metrics.put(taken.batch)
    return taken.answer()


def familiar(call: Call) -> bool:
    """Say that this process has added points to each of the metrics before: taking more reads no names."""
    arn, region = component_arn(call, call.request["TrialComponentName"]), call.region
    return all(
        call.metrics.knows(resource_series(call.account, region, arn, point["MetricName"]))
        for point in call.request["MetricData"]
    )


def take(call: Call) -> Taken:
    """Return the points of a call that can be taken; nothing is written."""
    arn = component_arn(call, call.request["TrialComponentName"])
    batch: dict[Series, Columns] = {}
    errors: list[Document] = []
    new = _Room(call, arn)
    for index, point in enumerate(call.request["MetricData"]):
        step, value = point.get("Step", -1), float(point["Value"])
        series = resource_series(call.account, call.region, arn, point["MetricName"])
        if not math.isfinite(value) or step > _MOST_STEP:
            errors.append({"Code": "VALIDATION_ERROR", "MetricIndex": index})
        elif not new.has(series):
            errors.append({"Code": "METRIC_LIMIT_EXCEEDED", "MetricIndex": index})
        else:
            columns = batch.setdefault(series, Columns.empty(SAGEMAKER))
            columns.append(micros(point["Timestamp"]) // 1000, step, value)
    return Taken([*batch.items()], errors)


@operation("sagemaker-metrics", "BatchGetMetrics")
def get(call: Call) -> Document:
    """Answer each query by itself, in the order they came; one that cannot be answered says why."""
    return {"MetricQueryResults": [_answer(call, query) for query in call.request["MetricQueries"]]}


def summaries(call: Call, arn: str) -> list[Document]:
    """Return a resource's metrics as DescribeTrialComponent shows them."""
    return measured.summaries(call.metrics, call.account, call.region, arn)


def component_arn(call: Call, name: str) -> str:
    """Return a trial component's ARN, which is in lower case however its name is written."""
    return str(Arn("sagemaker", call.region, call.account, f"experiment-trial-component/{name.lower()}"))


class _Room:
    """Whether a resource may have one more metric; its names are read only once they matter."""

    def __init__(self, call: Call, arn: str) -> None:
        self._call = call
        self._arn = arn
        self._names: set[str] | None = None

    def has(self, series: Series) -> bool:
        """Take the name of a series, or say that there is no room for it."""
        if self._call.metrics.knows(series):
            return True
        if self._names is None:
            self._names = self._call.metrics.names(series.account, series.region, self._arn)
        if series.name not in self._names and len(self._names) >= MOST_NAMES:
            return False
        self._names.add(series.name)
        return True


def _require(call: Call, arn: str) -> None:
    if ("sagemaker", "TrialComponent") not in registry.load():
        return
    if call.records.by_arn(arn) is None:
        name = call.request["TrialComponentName"]
        raise ValidationError(f"Trial component {name} does not exist. Create it with CreateTrialComponent.")


def _answer(call: Call, query: Document) -> Document:
    arn, name = query["ResourceArn"].lower(), query["MetricName"]
    parsed = parse_arn(arn)
    if parsed is None or (parsed.account, parsed.region) != (call.account, call.region):
        return _refused(f"{query['ResourceArn']} is not the ARN of a resource of yours in {call.region}.")
    steps = query["Period"] == "IterationNumber"
    if query["XAxisType"] == "IterationNumber" and not steps:
        return _refused(f"XAxisType IterationNumber goes with Period IterationNumber, not {query['Period']}.")
    by = _STEP if steps else _TIME
    start, end = query.get("Start"), query.get("End")
    if start is not None and end is not None and start > end:
        return _refused(f"Start is {start}, End {end}; Start must come first.")
    window = (None, None) if steps else (start, None if end is None else end + 1)
    found = call.metrics.read(resource_series(call.account, call.region, arn, name), *window)
    if not found:
        return _refused(f"{query['ResourceArn']} has no metric {name}.")
    points = found[0].ordered(by)
    if steps:  # A point without a step has -1.
        points = points.between(max(start or 0, 0), None if end is None else end + 1, by)
    return _counted(points, query, by)


def _counted(points: Columns, query: Document, by: int) -> Document:
    tell, shown = _STATISTICS[query["MetricStat"]], points.arrays[by]
    axis = points.times if query["XAxisType"] == "Timestamp" and by == _STEP else None
    places, values = [], []
    found = buckets(shown, _PERIODS.get(query["Period"], 1))
    for start, first, last in islice(found, MOST_VALUES):
        places.append(start if axis is None else axis[first])
        values.append(float(tell(points.values[first:last])))
    if next(found, None) is None:
        return {"Status": "Complete", "XAxisValues": places, "MetricValues": values}
    words = f"The first {MOST_VALUES} values are shown; ask for less with Start and End or a longer Period."
    return {"Status": "Truncated", "Message": words, "XAxisValues": places, "MetricValues": values}


def _refused(words: str) -> Document:
    return {"Status": "ValidationError", "Message": words[:2048], "XAxisValues": [], "MetricValues": []}
