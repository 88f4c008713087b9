"""Metric filters: a group's new events become metrics, which `controllers/logs_metric.py` does.

What a filter may say: evidence/filter-patterns.md.
"""

from __future__ import annotations

from clary.core.decimals import decimal
from clary.core.document import Document
from clary.core.errors import ValidationError
from clary.engines.logs.pattern import BadPattern, Test, compile_pattern
from clary.engines.logs.selector import is_path, value_of
from clary.operations.logs.names import refused
from clary.operations.registry import Call, operation
from clary.resources.logs.metric_filter import METRIC_FILTER
from clary.store.records import Filter, Record

MOST = 100  # Filters that a group may have, as documented.
_PAGE = 50
_SHOWN = ("filterName", "filterPattern", "metricTransformations", "logGroupName")


@operation("logs", "PutMetricFilter")
def put(call: Call) -> None:
    """Keep a filter, or replace the one of that name; events from now on count."""
    request = call.request
    for member in ("fieldSelectionCriteria", "emitSystemFieldDimensions"):
        if request.get(member):
            raise refused(f"{member} is not available here; leave it out.")
    compiled(request["filterPattern"])
    for wanted in request["metricTransformations"]:
        _check(wanted)
    place = (call.account, call.region, request["logGroupName"])
    with call.records.database.write():
        call.logs.group(*place)
        found = call.records.find(METRIC_FILTER, f"{request['logGroupName']}/{request['filterName']}")
        if found is not None:
            call.records.update(found, request, due=call.clock.now())
            return
        where = [Filter("logGroupName", "eq", request["logGroupName"])]
        if len(call.records.page(METRIC_FILTER, where=where, limit=MOST).records) == MOST:
            raise refused(f"A log group may have {MOST} metric filters.", code="LimitExceededException")
        doc = {**request, "_Cursor": call.logs.last_event()}
        call.records.create(METRIC_FILTER, doc, due=call.clock.now())


@operation("logs", "DescribeMetricFilters")
def describe(call: Call) -> Document:
    """Answer the filters of a group, of a metric, or all of them."""
    request = call.request
    if name := request.get("logGroupName"):
        call.logs.group(call.account, call.region, name)
    where = [Filter("logGroupName", "eq", name)] if name else []
    if prefix := request.get("filterNamePrefix"):
        where.append(Filter("filterName", "starts", prefix))
    try:
        found = call.records.page(
            METRIC_FILTER,
            where=where,
            sort="filterName",
            descending=False,
            limit=request.get("limit", _PAGE),
            token=request.get("nextToken"),
        )
    except ValidationError as error:
        raise refused(error.message) from error
    told = [_told(record) for record in found.records if _makes(record, request)]
    return {"metricFilters": told} | ({"nextToken": found.next_token} if found.next_token else {})


@operation("logs", "DeleteMetricFilter")
def delete(call: Call) -> None:
    """Forget a filter; what it measured stays."""
    with call.records.database.write():
        call.records.delete(call.records.get(METRIC_FILTER, call.request))


@operation("logs", "TestMetricFilter")
def test(call: Call) -> Document:
    """Answer which of some messages a pattern lets pass."""
    check, path_values = compiled(call.request["filterPattern"]), value_of(call.request["filterPattern"])
    matches = [
        {"eventNumber": number, "eventMessage": message, "extractedValues": path_values(message)}
        for number, message in enumerate(call.request["logEventMessages"], 1)
        if check is None or check(message)
    ]
    return {"matches": matches}


def compiled(pattern: str) -> Test | None:
    """Return the test that a pattern stands for, or refuse the pattern."""
    try:
        return compile_pattern(pattern)
    except BadPattern as error:
        raise refused(str(error)) from error


def count(call: Call, group: str) -> int:
    """Return how many filters a group has."""
    where = [Filter("logGroupName", "eq", group)]
    return len(call.records.page(METRIC_FILTER, where=where, limit=MOST).records)


def forget(call: Call, group: str) -> None:
    """Delete the filters of a group that goes."""
    where = [Filter("logGroupName", "eq", group)]
    while found := call.records.page(METRIC_FILTER, where=where, limit=MOST).records:
        for record in found:
            call.records.delete(record)


def _check(wanted: Document) -> None:
    value = wanted["metricValue"]
    if decimal(value) is None and not is_path(value):
        raise refused(f"metricValue is {value!r}; it must be a number or a selector such as $.latency.")
    if wanted.get("dimensions") and "defaultValue" in wanted:
        raise refused("A transformation with dimensions cannot have a defaultValue.")
    for name, selector in wanted.get("dimensions", {}).items():
        if not is_path(selector):
            raise refused(f"The dimension {name} is {selector!r}; it must be a selector such as $.code.")


def _makes(record: Record, request: Document) -> bool:
    """Tell whether a filter makes the metric that a request names."""
    asked = {name: request[name] for name in ("metricName", "metricNamespace") if name in request}
    made = record.doc["metricTransformations"]
    return not asked or any(all(each[n] == value for n, value in asked.items()) for each in made)


def _told(record: Record) -> Document:
    doc = {name: record.doc[name] for name in _SHOWN}
    return {**doc, "creationTime": int(record.created.timestamp() * 1000), "applyOnTransformedLogs": False}
