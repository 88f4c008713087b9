"""Dashboards: kept as they are put, one body a name; nothing here draws them."""

from __future__ import annotations

import json
import re

from clary.core.document import Document
from clary.core.errors import ApiError
from clary.operations.cloudwatch.words import invalid, place, token
from clary.operations.registry import Call, operation
from clary.resources.cloudwatch.dashboard import DASHBOARD
from clary.store.record import Record
from clary.store.records import Records

PAGE = 1000
_NAME = re.compile(r"[A-Za-z0-9_-]{1,255}")
_EVERYWHERE = ""  # The region of what belongs to an account only.


@operation("cloudwatch", "PutDashboard", level="stored")
def put(call: Call) -> Document:
    """Keep a dashboard; what is no JSON object is refused with where it stops being one."""
    request, name = call.request, call.request["DashboardName"]
    if not _NAME.fullmatch(name):
        raise _unfit(f"The dashboard name {name} has characters other than letters, digits, - and _.", "")
    try:
        body = json.loads(request["DashboardBody"])
    except (ValueError, RecursionError) as error:
        raise _unfit("The field DashboardBody must be a valid JSON object", str(error)[:200]) from error
    if not isinstance(body, dict):
        raise _unfit("The field DashboardBody must be a valid JSON object", "/")
    records = _dashboards(call)
    with records.database.write():
        old = records.find(DASHBOARD, name)
        if old is None:
            records.create(DASHBOARD, {**request, "DashboardArn": records.arn(DASHBOARD, request)})
        else:
            records.update(old, {"DashboardBody": request["DashboardBody"]})
    return {"DashboardValidationMessages": []}


@operation("cloudwatch", "GetDashboard", level="stored")
def get(call: Call) -> Document:
    """Answer a dashboard as it was put."""
    doc = _dashboards(call).get(DASHBOARD, call.request).doc
    return {name: doc[name] for name in ("DashboardArn", "DashboardBody", "DashboardName")}


@operation("cloudwatch", "ListDashboards", level="stored")
def page(call: Call) -> Document:
    """Answer dashboards by name."""
    found = place(call.request, code="InvalidParameterValue")
    prefix, after = call.request.get("DashboardNamePrefix", ""), str(found[0]) if found else ""
    every = _dashboards(call).each(DASHBOARD)
    shown = [each for each in every if each.name.startswith(prefix) and each.name > after]
    answer: Document = {"DashboardEntries": [_entry(record) for record in shown[:PAGE]]}
    if len(shown) > PAGE:
        answer["NextToken"] = token(call.request, [shown[PAGE - 1].name])
    return answer


@operation("cloudwatch", "DeleteDashboards", level="stored")
def delete(call: Call) -> None:
    """Delete dashboards, all of them or, should one not be there, none."""
    records = _dashboards(call)
    if not call.request["DashboardNames"]:
        raise invalid("The parameter DashboardNames must have a name.")
    with records.database.write():
        for name in dict.fromkeys(call.request["DashboardNames"]):
            records.delete(records.get(DASHBOARD, {"DashboardName": name}))


def _dashboards(call: Call) -> Records:
    return call.records.scoped(call.account, _EVERYWHERE)


def _entry(record: Record) -> Document:
    return {
        "DashboardName": record.name,
        "DashboardArn": record.doc["DashboardArn"],
        "LastModified": record.modified,
        "Size": len(record.doc["DashboardBody"].encode(errors="replace")),
    }


def _unfit(words: str, where: str) -> ApiError:
    message = {"DataPath": where, "Message": words}
    members = {"dashboardValidationMessages": [message]}
    return ApiError(words, code="InvalidParameterInput", status=400, members=members)
