"""Hub content: imported in versions, of which a hub lists the newest."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace

from clary.core.document import Document
from clary.core.errors import ResourceNotFound, ValidationError
from clary.operations import crud
from clary.operations.kinds import of
from clary.operations.registry import Call, operation
from clary.resources.model_registry.hub import HUB, HUB_CONTENT
from clary.store.records import Filter, Record

_FIRST = "1.0.0"  # The version of content that is imported without one.
_NEWEST, _VERSION, _SCHEMA, _ORIGIN = "_Newest", "_Version", "_Schema", "_Origin"
_CHANGING = (
    "HubContentDisplayName",
    "HubContentDescription",
    "HubContentMarkdown",
    "HubContentSearchKeywords",
    "SupportStatus",
)


@operation("sagemaker", "ImportHubContent")
def create(call: Call) -> Document:
    """Put a version on a hub's shelf."""
    request = call.request
    try:
        json.loads(request["HubContentDocument"])
    except (ValueError, RecursionError) as error:
        raise ValidationError(f"HubContentDocument is not JSON: {error}") from error
    version = request.get("HubContentVersion", _FIRST)
    with call.records.database.write():
        hub = _hub(call)
        doc = {**request, "HubName": hub.name, "HubArn": hub.arn, "HubContentVersion": version}
        doc |= {_VERSION: _padded(version), _SCHEMA: _padded(request["DocumentSchemaVersion"])}
        others = _versions(call, hub, request)
        doc |= {_ORIGIN: min((each.created for each in others), default=call.clock.now()), _NEWEST: False}
        doc |= {member: crud.signature(call.principal) for member in ("CreatedBy", "LastModifiedBy")}
        records = call.records.scoped(hub.account, hub.region)
        content = records.create(HUB_CONTENT, {**doc, "HubContentArn": records.arn(HUB_CONTENT, doc)})
        _choose_newest(call, [*others, content])
    return {"HubArn": hub.arn, "HubContentArn": content.arn}


@operation("sagemaker", "DescribeHubContent")
def describe(call: Call) -> Document:
    """Answer a version, by default the newest."""
    return crud.described(of(HUB_CONTENT), _content(call).doc)


@operation("sagemaker", "UpdateHubContent")
def update(call: Call) -> Document:
    """Change what is said of a version."""
    with call.records.database.write():
        content = _content(call)
        changes = {member: call.request[member] for member in _CHANGING if member in call.request}
        changes["LastModifiedBy"] = crud.signature(call.principal)
        call.records.update(content, changes)
    return {"HubArn": content.doc["HubArn"], "HubContentArn": content.arn}


@operation("sagemaker", "DeleteHubContent")
def delete(call: Call) -> None:
    """Take a version off the shelf; the newest of the others is listed then."""
    with call.records.database.write():
        content = _content(call)
        call.records.delete(content)
        _choose_newest(call, _versions(call, _hub(call), call.request))


@operation("sagemaker", "ListHubContents")
def page(call: Call) -> Document:
    """Answer a hub's content of one type, each in its newest version."""
    return _listed(call, [Filter(_NEWEST, "eq", True)])


@operation("sagemaker", "ListHubContentVersions")
def versions(call: Call) -> Document:
    """Answer the versions of one content."""
    return _listed(call, [Filter("HubContentName", "eq", call.request["HubContentName"])])


@operation("sagemaker", "CreateHubContentReference")
def refer(call: Call) -> Document:
    """Refuse: references lead to the public hub, which is not here."""
    _hub(call)
    raise ResourceNotFound(
        f"{call.request['SageMakerPublicHubContentArn']} does not exist: Clary has no public hub. "
        "ImportHubContent takes a model's own document."
    )


@operation("sagemaker", "UpdateHubContentReference")
@operation("sagemaker", "DeleteHubContentReference")
def change_reference(call: Call) -> Document:
    """Refuse: there are no references, for there is no public hub that they could lead to."""
    hub = _hub(call)
    raise ResourceNotFound(f"The hub {hub.arn} has no reference called {call.request['HubContentName']}.")


def _hub(call: Call) -> Record:
    return crud.named(of(HUB), call)


def _content(call: Call) -> Record:
    """Return the version that a request names, or the newest."""
    hub, request = _hub(call), call.request
    records = call.records.scoped(hub.account, hub.region)
    if "HubContentVersion" in request:
        return records.get(HUB_CONTENT, {**request, "HubName": hub.name})
    newest = [each for each in _versions(call, hub, request) if each.doc[_NEWEST]]
    if not newest:
        raise records.missing(HUB_CONTENT, {**request, "HubContentVersion": request["HubContentName"]})
    return newest[0]


def _versions(call: Call, hub: Record, request: Document) -> Sequence[Record]:
    binds = {"HubName": hub.name, **{name: request[name] for name in ("HubContentType", "HubContentName")}}
    where = [Filter(path, "eq", value) for path, value in binds.items()]
    records, token = call.records.scoped(hub.account, hub.region), None
    found: list[Record] = []
    while True:
        cut = records.page(HUB_CONTENT, where=where, limit=100, token=token)
        found += cut.records
        token = cut.next_token
        if token is None:
            return found


def _choose_newest(call: Call, contents: Sequence[Record]) -> None:
    newest = max((each.doc[_VERSION] for each in contents), default=None)
    for each in contents:
        if each.doc[_NEWEST] != (each.doc[_VERSION] == newest):
            call.records.update(each, {_NEWEST: not each.doc[_NEWEST]}, touch=False)


def _listed(call: Call, where: list[Filter]) -> Document:
    request = dict(call.request)
    hub = _hub(call)
    request["HubName"] = hub.name
    request.pop("HubContentName", None)
    if highest := request.pop("MaxSchemaVersion", None):
        where.append(Filter(_SCHEMA, "le", _padded(highest)))
    if lowest := request.pop("MinVersion", None):
        where.append(Filter(_VERSION, "ge", _padded(lowest)))
    records = call.records.scoped(hub.account, hub.region)
    return crud.page(of(HUB_CONTENT), replace(call, request=request, records=records), where)


def _padded(version: str) -> str:
    """Return a version that sorts as a string as it does number by number."""
    return ".".join(number.zfill(4) for number in version.split("."))
