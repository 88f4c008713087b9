"""Metric data queries: the metrics they read and the expressions over them, each by its id."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from clary.engines.cloudwatch.arithmetic import Scope, Series, Value, compute, several
from clary.engines.cloudwatch.expression import BadExpression, Node, functions, names, parse
from clary.engines.cloudwatch.series import Look, Metric, Read, gather, values

_LABEL = re.compile(r"\$\{(LABEL|AVG|MIN|MAX|SUM|FIRST|LAST|PROP\('([^']*)'\))\}")
DEFAULT_PERIOD = 300


@dataclass(frozen=True, kw_only=True)
class Query:
    """One of a request's queries: a metric's statistic, or an expression over others."""

    id: str
    metric: Metric | None = None
    statistic: str = ""
    unit: str | None = None
    period: int = 0
    expression: str = ""
    label: str | None = None
    shown: bool = True


@dataclass(frozen=True)
class Result:
    """What one query came to; an expression over several metrics has one for each."""

    id: str
    label: str
    series: Series


def check(queries: Sequence[Query]) -> dict[str, Node]:
    """Read every expression, or raise BadExpression about one that names what is not there or itself."""
    known = {query.id for query in queries}
    trees = {query.id: parse(query.expression) for query in queries if query.expression}
    for name, tree in trees.items():
        if absent := names(tree) - known - {"REPEAT", "LINEAR"}:
            raise BadExpression(
                f"The expression of '{name}' asks for '{min(absent)}', which is no query's id."
            )
    _order(queries, trees)
    return trees


def run(queries: Sequence[Query], read: Read, start: int, end: int, origin: int = 0) -> list[Result]:
    """Answer the queries that are shown, in their order, from `start` to before `end` (seconds).

    Periods start at `origin` plus a multiple of themselves.
    """
    trees = check(queries)
    by_id = {query.id: query for query in queries}
    metrics = [query.id for query in queries if query.metric is not None]
    known: dict[str, Value] = {}
    for name in _order(queries, trees):
        query = by_id[name]
        if query.metric is not None:
            known[name] = _measured(query, query.metric, read, (start, end, origin))
        else:
            period = query.period or _period(trees[name], known)
            known[name] = compute(trees[name], Scope(known, metrics, start, end, period, origin))
    return [result for query in queries if query.shown for result in _results(query, known[query.id])]


def _order(queries: Sequence[Query], trees: Mapping[str, Node]) -> list[str]:
    """Put every query behind those it asks for."""
    metrics = [query.id for query in queries if query.id not in trees]
    wanted = {name: names(tree) & set(trees) for name, tree in trees.items()}
    done = list(metrics)
    while wanted:
        ready = [name for name, others in wanted.items() if others <= set(done)]
        if not ready:
            raise BadExpression(f"The expressions of {', '.join(sorted(wanted))} ask for each other.")
        done += ready
        for name in ready:
            del wanted[name]
    return done


def _measured(query: Query, metric: Metric, read: Read, window: tuple[int, int, int]) -> Series:
    start, end, origin = window
    first = (start - origin) // query.period * query.period + origin
    look = Look(metric.namespace, metric.name, metric.dimensions, query.period, first, end, query.unit)
    found = read(look)
    gathered = gather((points for _, points in found), query.period, origin)
    return Series(values(gathered, query.statistic), query.period, query.label or metric.name)


def _period(tree: Node, known: Mapping[str, Value]) -> int:
    """Return the longest period of what an expression is over."""
    found = [e for name in names(tree) if name in known for e in _all(known[name])]
    if "METRICS" in functions(tree):
        found += [each for value in known.values() for each in _all(value)]
    return max((each.period for each in found), default=DEFAULT_PERIOD)


def _all(value: Value) -> tuple[Series, ...]:
    return () if isinstance(value, float) else several(value)


def _results(query: Query, value: Value) -> list[Result]:
    if isinstance(value, float):
        raise BadExpression(f"The expression of '{query.id}' is a number; a shown one must be a series.")
    found = several(value)
    own = query.metric.name if query.metric is not None else query.id
    if isinstance(value, Series):
        return [Result(query.id, _label(query, own, value), value)]
    return [Result(query.id, f"{_label(query, own, each)} {each.label}".strip(), each) for each in found]


def _label(query: Query, own: str, series: Series) -> str:
    """Fill in what a dynamic label asks for."""
    if query.label is None:
        return own
    shown = [value for _, value in sorted(series.values.items())]
    numbers = (
        {
            "AVG": sum(shown) / len(shown),
            "MIN": min(shown),
            "MAX": max(shown),
            "SUM": sum(shown),
            "FIRST": shown[0],
            "LAST": shown[-1],
        }
        if shown
        else {}
    )

    def fill(match: re.Match[str]) -> str:
        if match[2] is not None:
            return _property(query, match[2])
        if match[1] == "LABEL":
            return own
        return f"{numbers[match[1]]:g}" if match[1] in numbers else "--"

    return _LABEL.sub(fill, query.label)


def _property(query: Query, name: str) -> str:
    metric = query.metric
    if metric is None:
        return ""
    told = {"MetricName": metric.name, "Namespace": metric.namespace, "Stat": query.statistic}
    told |= {"Period": str(query.period)} | {f"Dim.{key}": value for key, value in metric.dimensions}
    return told.get(name, "")
