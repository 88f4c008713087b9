"""Create, Describe, List, Update and Delete for every declared kind, from declaration and model.

Requests arrive validated. What one kind does differently is data in its declaration, a `before` check, or an
operation of its own; there is no kind's name in this module.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import cast, get_args

from clary.core.document import Document
from clary.operations.kinds import Kind, project
from clary.operations.registry import Call, Operation
from clary.store.pages import Filter, Test
from clary.store.records import KEEP, Due

PAGE = 10  # What a List without MaxResults answers at most.


def operations(kind: Kind) -> dict[str, Operation]:
    """Return the generic operations of a kind by name."""
    served = {verb: model.name for verb, model in kind.operations.items()}
    return {
        name: _bound(_VERBS[verb], kind) for verb, name in served.items() if name not in kind.resource.absent
    }


def create(kind: Kind, call: Call) -> Document:
    """Keep the whole request, and answer with what the model says: usually the ARN."""
    doc = {**call.request, kind.arn_member: call.records.arn(kind.resource, call.request)}
    record = call.records.create(kind.resource, doc, due=call.clock.now() if kind.resource.lives else None)
    return project(kind.operations["Create"].output_shape, record.doc)


def describe(kind: Kind, call: Call) -> Document:
    """Answer what the output shape has and the record holds."""
    doc = call.records.get(kind.resource, call.request).doc
    for path, value in kind.resource.answers.items():
        doc = filled(doc, path.split("."), value)
    shown = project(kind.operations["Describe"].output_shape, doc)
    return {member: value for member, value in shown.items() if member not in kind.resource.hidden}


def page(kind: Kind, call: Call) -> Document:
    """Answer one page of summaries, selected and ordered as asked."""
    resource, request = kind.resource, call.request
    asked = [member for member in kind.filters if member in request and member not in resource.ignored]
    late = resource.filters_after_paging
    found = call.records.page(
        resource,
        where=[_filter(kind, member, request[member]) for member in asked if member not in late],
        then=[_filter(kind, member, request[member]) for member in asked if member in late],
        sort=request.get("SortBy", "CreationTime"),
        descending=request.get("SortOrder", resource.sort_order) == "Descending",
        limit=request.get("MaxResults", PAGE),
        token=request.get("NextToken"),
    )
    name, shape = kind.summary
    answer: Document = {name: [project(shape, _summarised(kind, record.doc)) for record in found.records]}
    if found.next_token is not None:
        answer["NextToken"] = found.next_token
    return answer


def update(kind: Kind, call: Call) -> Document:
    """Lay the request's members over the record."""
    due: Due = call.clock.now() if kind.resource.lives else KEEP
    with call.records.database.write():
        record = call.records.get(kind.resource, call.request)
        changes = {
            member: {**record.doc.get(member, {}), **value} if kind.merges(member) else value
            for member, value in call.request.items()
            if member not in kind.resource.key()
        }
        record = call.records.update(record, changes, due=due)
    return project(kind.operations["Update"].output_shape, record.doc)


def delete(kind: Kind, call: Call) -> Document:
    """Remove the record."""
    with call.records.database.write():
        record = call.records.get(kind.resource, call.request)
        call.records.delete(record)
    return project(kind.operations["Delete"].output_shape, record.doc)


def filled(doc: Document, path: list[str], value: object) -> Document:
    """Return the document with `value` at the path where it has none; structures on the way must be there."""
    member, *rest = path
    if not rest:
        return doc if doc.get(member) is not None else {**doc, member: value}
    within = doc.get(member)
    if isinstance(within, dict):
        return {**doc, member: filled(within, rest, value)}
    if isinstance(within, list):
        return {**doc, member: [filled(item, rest, value) for item in within]}
    return doc


def _bound(verb: Callable[[Kind, Call], Document], kind: Kind) -> Operation:
    return lambda call: verb(kind, call)


def _filter(kind: Kind, member: str, value: str) -> Filter:
    path, test = kind.bind(member)
    if test not in get_args(Test):
        raise LookupError(f"{kind.resource.kind} binds {member} to the unknown test {test}")
    return Filter(path, cast(Test, test), value)


def _summarised(kind: Kind, doc: Document) -> Document:
    found = {member: _at(doc, path) for member, path in kind.resource.summary.items()}
    return {**doc, **found} if found else doc


def _at(doc: Document, path: str) -> object:
    value: object = doc
    for part in path.split("."):
        value = value.get(part) if isinstance(value, dict) else None
    return value


_VERBS: Mapping[str, Callable[[Kind, Call], Document]] = {
    "Create": create,
    "Describe": describe,
    "List": page,
    "Update": update,
    "Delete": delete,
}
