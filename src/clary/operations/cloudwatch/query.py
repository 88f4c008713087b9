"""Metric data queries as requests spell them, of GetMetricData and of alarms."""

from __future__ import annotations

import re
from collections.abc import Sequence

from clary.core.document import Document
from clary.engines.cloudwatch.expression import BadExpression
from clary.engines.cloudwatch.queries import Query, check
from clary.engines.cloudwatch.series import Metric
from clary.engines.cloudwatch.statistics import parse
from clary.operations.cloudwatch.metric_data import dimensions
from clary.operations.cloudwatch.words import refused

MOST_QUERIES = 500
_ID = re.compile(r"[a-z][A-Za-z0-9_]*")


def read_queries(given: Sequence[Document], account: str) -> list[Query]:
    """Return a request's queries; what is wrong with one of them is refused."""
    if not 1 <= len(given) <= MOST_QUERIES:
        raise refused(f"MetricDataQueries must have 1 to {MOST_QUERIES} queries, not {len(given)}.")
    queries = [_query(each, account) for each in given]
    ids = [query.id for query in queries]
    if twice := next((name for name in ids if ids.count(name) > 1), None):
        raise refused(f"The id '{twice}' is used more than once; every query needs one of its own.")
    try:
        check(queries)
    except BadExpression as error:
        raise refused(f"Error in expression: {error}") from error
    return queries


def _query(given: Document, account: str) -> Query:
    name = given["Id"]
    if not _ID.fullmatch(name):
        raise refused(f"The id '{name}' must begin with a small letter and have only letters, digits and _.")
    if given.get("AccountId", account) != account:
        raise refused(f"Query '{name}' asks for account {given['AccountId']}; accounts are not linked here.")
    common = {"id": name, "label": given.get("Label"), "shown": given.get("ReturnData", True)}
    stat = given.get("MetricStat")
    if (stat is None) == ("Expression" not in given):
        raise refused(f"Query '{name}' must have exactly one of MetricStat and Expression.")
    if stat is None:
        period = given.get("Period", 0)
        _check_period(name, period or 60)
        return Query(expression=_expression(name, given["Expression"]), period=period, **common)
    if "Period" in given:
        raise refused(f"Query '{name}' has a Period beside its MetricStat; give it in MetricStat.")
    _check_period(name, stat["Period"])
    if parse(stat["Stat"]) is None:
        raise refused(f"The value {stat['Stat']} for parameter Stat of '{name}' is not supported.")
    metric = stat["Metric"]
    if "Namespace" not in metric or "MetricName" not in metric:
        raise refused(f"The metric of '{name}' must have a Namespace and a MetricName.")
    named = dimensions(metric.get("Dimensions", ()))
    return Query(
        metric=Metric(metric["Namespace"], metric["MetricName"], named),
        statistic=stat["Stat"],
        unit=stat.get("Unit"),
        period=stat["Period"],
        **common,
    )


def _expression(name: str, text: str) -> str:
    if re.match(r"\s*SELECT\s", text, re.IGNORECASE):
        raise refused(f"Query '{name}' is one of Metrics Insights, which is not available here.")
    return text


def _check_period(name: str, period: int) -> None:
    if period not in (1, 5, 10, 20, 30) and period % 60:
        raise refused(f"The Period of '{name}' must be 1, 5, 10, 20, 30 or a multiple of 60, not {period}.")
