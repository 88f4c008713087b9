"""What an alarm reads."""

from __future__ import annotations

import re
from collections.abc import Sequence

from clary.core.document import Document
from clary.engines.cloudwatch.queries import DEFAULT_PERIOD, Query, run
from clary.engines.cloudwatch.series import Metric, Read

_PERCENTILE = re.compile(r"p(\d{1,2}(?:\.\d+)?)")


def queries_of(doc: Document) -> tuple[list[Query], int]:
    """Return an alarm's queries, one of them shown, and its period."""
    if "Metrics" not in doc:
        statistic = doc.get("Statistic") or doc["ExtendedStatistic"]
        return [_plain(doc, statistic)], doc["Period"]
    queries = [_of(each) for each in doc["Metrics"]]
    longest = max((query.period for query in queries), default=0) or DEFAULT_PERIOD
    shown = next(query for query in queries if query.shown)
    return queries, shown.period or longest


def span(doc: Document) -> int:
    """Return the seconds that all periods of an alarm span."""
    seconds: int = queries_of(doc)[1] * doc["EvaluationPeriods"]
    return seconds


def few_samples(doc: Document, read: Read, window: tuple[int, int, int]) -> bool:
    """Say whether a percentile's alarm that ignores such periods has too few samples in the latest one.

    So many are enough: ten for the rarer side of the percentile, as PutMetricAlarm's page has it.
    """
    match = _PERCENTILE.fullmatch(doc.get("ExtendedStatistic", ""))
    if match is None or doc.get("EvaluateLowSampleCountPercentile") != "ignore":
        return False
    share = float(match[1]) / 100
    least = 10 / (1 - share) if share >= 0.5 else 10 / share if share else 0
    [result] = run([_plain(doc, "SampleCount")], read, *window)
    counts = [count for _, count in sorted(result.series.values.items())]
    return bool(counts) and counts[-1] < least


def _plain(doc: Document, statistic: str) -> Query:
    return Query(
        id="m",
        metric=Metric(doc["Namespace"], doc["MetricName"], _dimensions(doc.get("Dimensions", ()))),
        statistic=statistic,
        unit=doc.get("Unit"),
        period=doc["Period"],
    )


def _of(given: Document) -> Query:
    shown = given.get("ReturnData", True)
    if "Expression" in given:
        return Query(
            id=given["Id"], expression=given["Expression"], period=given.get("Period", 0), shown=shown
        )
    stat = given["MetricStat"]
    metric = stat["Metric"]
    named = _dimensions(metric.get("Dimensions", ()))
    return Query(
        id=given["Id"],
        metric=Metric(metric["Namespace"], metric["MetricName"], named),
        statistic=stat["Stat"],
        unit=stat.get("Unit"),
        period=stat["Period"],
        shown=shown,
    )


def _dimensions(given: Sequence[Document]) -> tuple[tuple[str, str], ...]:
    return tuple(sorted((each["Name"], each["Value"]) for each in given))
