"""The life of a metric alarm: looked at by the minute, or every ten seconds when its period is shorter."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial

from clary.controllers.cloudwatch.alarm_actions import Deliver, move, pending, perform, to_nobody, until_next
from clary.controllers.means import Means
from clary.controllers.step import Step
from clary.core.document import Document
from clary.engines.cloudwatch.alarm import MARGIN, Rule, judge
from clary.engines.cloudwatch.alarm_query import few_samples, queries_of, span
from clary.engines.cloudwatch.expression import BadExpression
from clary.engines.cloudwatch.history import reason_data
from clary.engines.cloudwatch.queries import run
from clary.engines.cloudwatch.series import Read
from clary.resources.cloudwatch.alarm import METRIC_ALARM
from clary.resources.spec import Resource
from clary.store.records import Record

_DAY = 24 * 3600


class MetricAlarms:
    """The controller of metric alarms."""

    def __init__(self, means: Means, now: Callable[[], datetime], deliver: Deliver = to_nobody) -> None:
        self._means = means
        self._now = now
        self._deliver = deliver

    @property
    def resource(self) -> Resource:
        """The kind it tends."""
        return METRIC_ALARM

    def look(self, record: Record, now: datetime) -> Step:
        """Read the metric, and decide."""
        if waiting := pending(record):
            return waiting
        read: Read = partial(self._means.metrics.look, record.account, record.region)
        grain = _grain(record.doc)
        found = assess(record.doc, read, int(now.timestamp()) // grain * grain, now)
        if found is None or found[0] == record.doc["StateValue"]:
            return Step(again=until_next(now, grain))
        state, reason, data = found
        return move(record, state, reason, data, now)

    def act(self, record: Record, step: Step) -> Document:
        """Write the change, or do what it sets off."""
        return perform(self._means, self._deliver, record, step, self._now())


def assess(doc: Document, read: Read, end: int, now: datetime) -> tuple[str, str, str | None] | None:
    """Return the state an alarm should have, with reason and data; None keeps what it has."""
    queries, period = queries_of(doc)
    if "WallClockWindow" in doc.get("EvaluationWindow", {}):
        end = end // period * period
    rule = Rule(
        comparison=doc["ComparisonOperator"],
        threshold=float(doc["Threshold"]),
        periods=doc["EvaluationPeriods"],
        to_alarm=doc.get("DatapointsToAlarm") or doc["EvaluationPeriods"],
        missing=doc.get("TreatMissingData", "missing"),
    )
    start = end - (rule.periods + MARGIN) * period
    try:
        results = run(queries, read, start, end, end)
    except BadExpression as error:
        return "INSUFFICIENT_DATA", f"The expression cannot be computed: {error}", None
    if len(results) != 1:
        return "INSUFFICIENT_DATA", f"The expression has {len(results)} series; an alarm watches one.", None
    found = results[0].series.values
    seen = [(at, found.get(at)) for at in range(start, end, period)]
    if few_samples(doc, read, (start, end, end)):
        return None
    verdict = judge(rule, seen)
    if verdict is None:
        return None
    points = [(datetime.fromtimestamp(at, UTC), value) for at, value in verdict.points]
    data = reason_data(
        statistic=doc.get("Statistic") or doc.get("ExtendedStatistic") or "",
        period=period,
        threshold=rule.threshold,
        start=points[0][0] if points else None,
        points=points,
        now=now,
    )
    return verdict.state, verdict.reason, data


def _grain(doc: Document) -> int:
    """Return the seconds between two looks."""
    _, period = queries_of(doc)
    if period < 60:
        return 10
    return 3600 if span(doc) > _DAY else 60
