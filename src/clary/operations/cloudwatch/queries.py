"""The two ways to read metrics: GetMetricData with its expressions, and GetMetricStatistics.

How windows are rounded: evidence/cloudwatch-metrics.md.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from functools import partial

from clary.core.document import Document
from clary.engines.cloudwatch.arithmetic import MOST_PERIODS
from clary.engines.cloudwatch.expression import BadExpression
from clary.engines.cloudwatch.queries import Result, run
from clary.engines.cloudwatch.series import Look, gather
from clary.engines.cloudwatch.statistics import SIMPLE, Samples, parse
from clary.operations.cloudwatch.metric_data import dimensions
from clary.operations.cloudwatch.query import read_queries
from clary.operations.cloudwatch.words import clash, invalid, missing, place, refused, token
from clary.operations.registry import Call, operation
from clary.store.times import micros

MOST_DATAPOINTS = 1440
"""Points GetMetricStatistics answers at most."""


@operation("cloudwatch", "GetMetricData")
def data(call: Call) -> Document:
    """Answer every shown query; what does not fit on a page is on the next."""
    request = call.request
    queries = read_queries(request["MetricDataQueries"], call.account)
    if request["StartTime"] >= request["EndTime"]:
        raise refused("The parameter EndTime must be greater than StartTime.")
    zone = request.get("LabelOptions", {}).get("Timezone", "+0000")
    if zone != "+0000":
        raise refused(f"LabelOptions.Timezone is {zone}; labels here tell no time but UTC, +0000.")
    limit = request.get("MaxDatapoints", MOST_PERIODS)
    if not 1 <= limit <= MOST_PERIODS:
        raise refused(f"MaxDatapoints is {limit}; it must be from 1 to {MOST_PERIODS}.")
    found = place(request)
    start, end = micros(request["StartTime"]) // 1_000_000, -(-micros(request["EndTime"]) // 1_000_000)
    try:
        results = run(queries, partial(call.metrics.look, call.account, call.region), start, end)
    except BadExpression as error:
        raise refused(f"Error in expression: {error}") from error
    return _page(request, results, int(found[0]) if found else 0, limit)


@operation("cloudwatch", "GetMetricStatistics")
def statistics(call: Call) -> Document:
    """Answer the statistics of one metric by the period, each unit apart."""
    request = call.request
    period, simple = request["Period"], request.get("Statistics", [])
    extended = request.get("ExtendedStatistics", [])
    if not simple and not extended:
        raise missing("Must specify either Statistics or ExtendedStatistics.")
    for name in extended:
        if name in SIMPLE or parse(name) is None:
            raise invalid(f"The value {name} for parameter ExtendedStatistics is not supported.")
    if period not in (1, 5, 10, 20, 30) and period % 60:
        raise invalid(f"The parameter Period must be 1, 5, 10, 20, 30 or a multiple of 60, not {period}.")
    if request["StartTime"] >= request["EndTime"]:
        raise clash("The parameter StartTime must be less than the parameter EndTime.")
    start = _rounded(call, request["StartTime"], period)
    end = -(-micros(request["EndTime"]) // 1_000_000)
    if (asked := (end - start) // period) > MOST_DATAPOINTS:
        raise clash(
            f"You have requested up to {asked} datapoints, which exceeds the limit of {MOST_DATAPOINTS}. You "
            "may reduce the datapoints requested by increasing Period, or decreasing the time range."
        )
    named = dimensions(request.get("Dimensions", ()))
    unit = request.get("Unit")
    look = Look(request["Namespace"], request["MetricName"], named, period, start, end, unit)
    points = call.metrics.look(call.account, call.region, look)
    return {
        "Label": request["MetricName"],
        "Datapoints": [
            _datapoint(at, samples, unit, simple, extended)
            for unit in sorted({unit for unit, _ in points})
            for at, samples in gather((p for u, p in points if u == unit), period, start).items()
        ],
    }


def _page(request: Document, results: Sequence[Result], skip: int, limit: int) -> Document:
    """Cut one page out of all values, which are counted through the results one after the other."""
    descending = request.get("ScanBy", "TimestampDescending") == "TimestampDescending"
    shown: list[Document] = []
    passed = 0
    for result in results:
        every = sorted(result.series.values.items(), reverse=descending)
        first, last = max(skip - passed, 0), skip + limit - passed
        part = every[first : max(last, 0)]
        passed += len(every)
        if part or not skip:
            shown.append(
                {
                    "Id": result.id,
                    "Label": result.label,
                    "Timestamps": [datetime.fromtimestamp(at, UTC) for at, _ in part],
                    "Values": [value for _, value in part],
                    "StatusCode": "Complete" if last >= len(every) else "PartialData",
                }
            )
    answer: Document = {"MetricDataResults": shown, "Messages": []}
    if passed > skip + limit:
        answer["NextToken"] = token(request, [skip + limit])
    return answer


def _rounded(call: Call, start: datetime, period: int) -> int:
    """Round a window's start down: to the period below a minute, else the coarser the longer it is ago."""
    age = call.clock.now() - start
    grain = 60 if age <= timedelta(days=15) else 300 if age <= timedelta(days=63) else 3600
    grain = period if period < 60 else grain
    return micros(start) // 1_000_000 // grain * grain


def _datapoint(
    at: int, samples: Samples, unit: str, simple: Sequence[str], extended: Sequence[str]
) -> Document:
    told = {name: tell(samples) for name in (*simple, *extended) if (tell := parse(name)) is not None}
    point: Document = {"Timestamp": datetime.fromtimestamp(at, UTC), "Unit": unit}
    point |= {name: value for name, value in told.items() if name in simple and value is not None}
    if extended:
        further = {name: value for name, value in told.items() if name in extended and value is not None}
        point["ExtendedStatistics"] = further
    return point
