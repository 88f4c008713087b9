"""The life of a metric filter: what its group takes in becomes points of its metrics, each event once."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

from clary.controllers.means import Means
from clary.controllers.step import AT_ONCE, Step
from clary.core.document import Document
from clary.core.errors import ApiError
from clary.engines.logs.metric import Point, Transformation, measure
from clary.engines.logs.pattern import compile_pattern
from clary.resources.logs.metric_filter import METRIC_FILTER
from clary.resources.spec import Resource
from clary.store.metrics import Columns, Series
from clary.store.metrics.store import STANDARD, subject_of
from clary.store.records import Record

LOOK = timedelta(seconds=2)  # Between looks at a group.
_BATCH = 2000  # Events that are measured in one transaction.
_COUNT = "count"
_VALUE = "qd"  # A point that is one value.


class MetricFilters:
    """The controller of metric filters."""

    def __init__(self, means: Means, now: Callable[[], datetime]) -> None:
        self._means = means
        self._now = now

    @property
    def resource(self) -> Resource:
        """The kind it tends."""
        return METRIC_FILTER

    def look(self, record: Record, now: datetime) -> Step:
        """See whether there are events that were not measured yet."""
        if self._means.logs.last_event() > record.doc["_Cursor"]:
            return Step(effect=_COUNT, again=AT_ONCE)
        return Step(again=LOOK)

    def act(self, record: Record, step: Step) -> Document:
        """Measure the next events; points and how far it came are written in one transaction.

        The loop then finds the record moved, and looks at once again.
        """
        means, doc = self._means, record.doc
        place = (record.account, record.region, doc["logGroupName"])
        with means.records.database.write():
            newest = means.logs.last_event()
            try:
                events = means.logs.after(*place, doc["_Cursor"], _BATCH)
            except ApiError:  # the group is being deleted, and the filter with it
                events = []
            measured = [(event.timestamp, event.message) for event in events]
            test = compile_pattern(doc["filterPattern"])
            for wanted in doc["metricTransformations"]:
                self._put(record, wanted, measure(measured, test, _transformation(wanted)))
            cursor = events[-1].id if len(events) == _BATCH else newest
            means.records.update(record, {"_Cursor": cursor}, due=self._now(), touch=False)
        return {}

    def _put(self, record: Record, wanted: Document, points: list[Point]) -> None:
        batch: dict[Series, Columns] = {}
        for point in points:
            series = Series(
                record.account,
                record.region,
                wanted["metricNamespace"],
                wanted["metricName"],
                subject_of(point.dimensions),
                wanted.get("unit", "None"),
                STANDARD,
            )
            batch.setdefault(series, Columns.empty(_VALUE)).append(point.time, point.value)
        if batch:
            self._means.metrics.put(list(batch.items()))


def _transformation(doc: Document) -> Transformation:
    return Transformation(
        namespace=doc["metricNamespace"],
        name=doc["metricName"],
        value=doc["metricValue"],
        default=doc.get("defaultValue"),
        unit=doc.get("unit", "None"),
        dimensions=doc.get("dimensions", {}),
    )
