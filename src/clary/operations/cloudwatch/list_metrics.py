"""ListMetrics: which metrics there are, by namespace, name and dimensions."""

from __future__ import annotations

import json
from datetime import timedelta

from clary.core.document import Document
from clary.operations.cloudwatch.words import invalid, place, token
from clary.operations.registry import Call, operation
from clary.store.metrics.store import dimensions_of

PAGE = 500
_LISTED = timedelta(weeks=2)  # A metric without points for so long is not listed.
_RECENT = timedelta(hours=3)


@operation("cloudwatch", "ListMetrics")
def page(call: Call) -> Document:
    """Answer metrics in order; every given dimension must be theirs."""
    request = call.request
    if request.get("OwningAccount", call.account) != call.account:
        raise invalid(f"OwningAccount is {request['OwningAccount']}; accounts are not linked here.")
    found = place(request, code="InvalidParameterValue")
    metrics = call.metrics.listed(
        call.account,
        call.region,
        space=request.get("Namespace"),
        name=request.get("MetricName"),
        parts=[_part(each) for each in request.get("Dimensions", ())],
        since=call.clock.now() - (_RECENT if "RecentlyActive" in request else _LISTED),
        after=None if found is None else (str(found[0]), str(found[1]), str(found[2])),
        limit=PAGE + 1,
    )
    shown = metrics[:PAGE]
    answer: Document = {
        "Metrics": [
            {
                "Namespace": each.space,
                "MetricName": each.name,
                "Dimensions": [{"Name": name, "Value": value} for name, value in dimensions_of(each.subject)],
            }
            for each in shown
        ]
    }
    if request.get("IncludeLinkedAccounts"):
        answer["OwningAccounts"] = [call.account] * len(shown)
    if len(metrics) > PAGE:
        answer["NextToken"] = token(request, [shown[-1].space, shown[-1].name, shown[-1].subject])
    return answer


def _part(given: Document) -> str:
    """Return what a subject with this dimension has in it."""
    if "Value" in given:
        return json.dumps([given["Name"], given["Value"]], separators=(",", ":"))
    return f"[{json.dumps(given['Name'])},"
