"""Create, Describe, List, Update, Stop and Delete for every declared kind, from declaration and model.

Requests arrive validated. What one kind does differently is data in its declaration, a `before` check, or an
operation of its own; there is no kind's name in this module.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import replace
from typing import cast, get_args

from clary.core.document import Document, dumps, filled
from clary.core.errors import ApiError, ValidationError
from clary.core.ids import made_up
from clary.core.principal import Principal
from clary.operations import registry
from clary.operations.kinds import Kind, members, of, project
from clary.operations.registry import Call, Operation
from clary.resources.registry import find as find_resource
from clary.store.pages import Filter, Test
from clary.store.record import key_of
from clary.store.records import KEEP, Due, Record

REQUEST = "_Request"  # The member that keeps a creation's idempotency token and what was asked with it.
PAGE = 10  # What a List without MaxResults answers at most.


def operations(kind: Kind) -> dict[str, Operation]:
    """Return the generic operations of a kind by name."""
    served = {verb: model.name for verb, model in kind.operations.items()}
    return {
        name: _bound(_VERBS[verb], kind) for verb, name in served.items() if name not in kind.resource.absent
    }


def create(kind: Kind, call: Call) -> Document:
    """Keep the whole request, and answer with what the model says: usually the ARN.

    A request repeated with the same token answers what the first one did.
    """
    # A parent must not go while its child is made: both happen in one transaction.
    with call.records.database.write() if kind.resource.within else nullcontext():
        check_parents(kind, call)
        return answer(kind, "Create", _created(kind, call))


def describe(kind: Kind, call: Call) -> Document:
    """Answer what the output shape has and the record holds."""
    return described(kind, named(kind, call).doc)


def described(kind: Kind, doc: Document) -> Document:
    """Return what Describe says of a record's document."""
    for path, value in kind.resource.answers.items():
        doc = filled(doc, path, value)
    doc = {name: value for name, value in doc.items() if name not in kind.resource.hidden}
    return answer(kind, "Describe", {**doc, **_picked(doc, kind.resource.shown)})


def answer(kind: Kind, verb: str, doc: Document) -> Document:
    """Return what the answer of one of the kind's operations has of a document."""
    shape, envelope = kind.operations[verb].output_shape, kind.resource.envelope
    if envelope in members(shape):
        return {envelope: project(members(shape)[envelope], doc)}
    return project(shape, doc)


def named(kind: Kind, call: Call) -> Record:
    """Return the record that a request names, by its identity or by its ARN; an absent one raises."""
    resource, request = kind.resource, call.request
    asked = resource.asked_by or (kind.arn_member if kind.arn_member in request else resource.key()[-1])
    given = request.get(asked)
    if isinstance(given, str) and given.startswith("arn:"):
        found = call.records.by_arn(given)  # of another account: the policy check has let it pass
        if found is None or (found.service, found.kind) != (resource.service, resource.kind):
            raise call.records.missing(resource, request)
        if found.region not in ("", call.region):
            raise call.records.missing(resource, request)
        return found
    return call.records.get(resource, request)


def check_parents(kind: Kind, call: Call) -> None:
    """Refuse a request that names a parent which is not there."""
    for member, parent in kind.resource.within.items():
        if call.request.get(member):
            resource = find_resource(kind.resource.service, parent)
            asked = {resource.key()[-1]: call.request[member]}
            named(of(resource), replace(call, request=asked))


def signature(principal: Principal) -> Document:
    """Return who a caller is, as records remember it."""
    identity = {"Arn": principal.arn, "PrincipalId": principal.user_id}
    if principal.source_identity:
        identity["SourceIdentity"] = principal.source_identity
    return {"IamIdentity": identity}


def page(kind: Kind, call: Call, where: Sequence[Filter] = ()) -> Document:
    """Answer one page of summaries, selected as asked and by `where`, in the order asked for."""
    resource, request = kind.resource, call.request
    check_parents(kind, call)
    asked = [member for member in kind.filters if member in request and member not in resource.ignored]
    late = resource.filters_after_paging
    found = call.records.page(
        resource,
        where=[*where, *(_filter(kind, member, request[member]) for member in asked if member not in late)],
        then=[_filter(kind, member, request[member]) for member in asked if member in late],
        sort=resource.order(request.get("SortBy", "CreationTime")),
        descending=str(request.get("SortOrder", resource.sort_order)).lower() == "descending",
        limit=page_size(request),
        token=request.get("NextToken"),
    )
    name, shape = kind.summary
    told: Document = {name: [project(shape, summarised(kind, record.doc)) for record in found.records]}
    if found.next_token is not None:
        told["NextToken"] = found.next_token
    return told


def page_size(request: Document) -> int:
    """Return how many records a page may have. Models of some Lists set no least MaxResults."""
    size: int = request.get("MaxResults", PAGE)
    if size < 1:
        raise ValidationError(f"MaxResults is {size}; it must be at least 1.")
    return size


def update(kind: Kind, call: Call) -> Document:
    """Lay the request's members over the record, and take away what it says to remove."""
    resource = kind.resource
    due: Due = call.clock.now() if resource.lives else KEEP
    with call.records.database.write():
        record = named(kind, call)
        kept = {*resource.key(), *resource.removals, kind.arn_member, resource.asked_by}
        changes = {
            member: {**record.doc.get(member, {}), **value} if kind.merges(member) else value
            for member, value in call.request.items()
            if member not in kept
        }
        changes |= _completed(call)
        for member, path in resource.removals.items():
            gone = set(call.request.get(member, ()))
            held = changes.get(path, record.doc.get(path)) or {}
            if gone:
                changes[path] = {name: value for name, value in held.items() if name not in gone}
        if "LastModifiedBy" in kind.signed:
            changes["LastModifiedBy"] = signature(call.principal)
        record = call.records.update(record, changes, due=due)
    return answer(kind, "Update", record.doc)


def stop(kind: Kind, call: Call) -> Document:
    """Leave what is not running as it is; kinds that run have an operation of their own."""
    return answer(kind, "Stop", named(kind, call).doc)


def delete(kind: Kind, call: Call) -> Document:
    """Remove the record, unless others still refer to it."""
    with call.records.database.write():
        record = named(kind, call)
        check_free(kind, call, record)
        call.records.delete(record)
    return answer(kind, "Delete", record.doc)


def check_free(kind: Kind, call: Call, record: Record) -> None:
    """Refuse to delete a record that others refer to."""
    resource = kind.resource
    for other, paths in resource.holds.items():
        holder = find_resource(resource.service, other)
        binds = [_bound_to(path, record.doc.get(member)) for path, member in paths.items()]
        found = call.records.scoped(record.account, record.region).page(holder, where=binds, limit=1)
        if found.records:
            raise ApiError(
                f"The {resource.noun()} {record.name} cannot be deleted: the {holder.noun()} "
                f"{found.records[0].arn} belongs to it. Delete that first.",
                code=resource.held,
                status=400,
            )


def _bound(verb: Callable[[Kind, Call], Document], kind: Kind) -> Operation:
    return lambda call: verb(kind, call)


def _bound_to(bound: str, value: str | None) -> Filter:
    path, _, test = bound.partition(" ")
    return Filter(path, cast(Test, test or "eq"), value)


def _filter(kind: Kind, member: str, value: str) -> Filter:
    path, test = kind.bind(member)
    if test not in get_args(Test):
        raise LookupError(f"{kind.resource.kind} binds {member} to the unknown test {test}")
    return Filter(path, cast(Test, test), value)


def summarised(kind: Kind, doc: Document) -> Document:
    """Return a record's document with the members that only a List shows."""
    paths = {**kind.resource.shown, **kind.resource.summary}
    return {**doc, **_picked(doc, paths)} if paths else doc


def _created(kind: Kind, call: Call) -> Document:
    resource, token = kind.resource, call.request.get(kind.token or "")
    doc = {**call.request, **_made_up(kind, call, token), **_completed(call)}
    doc |= {member: signature(call.principal) for member in kind.signed}
    doc[kind.arn_member] = call.records.arn(resource, doc)
    if token:
        doc[REQUEST] = [token, hashlib.sha256(dumps(call.request).encode()).hexdigest()]
    try:
        due = call.clock.now() if resource.lives else None
        doc = call.records.create(resource, doc, due=due).doc
    except ApiError:
        found = call.records.find(resource, key_of(resource, doc)) if token else None
        if found is None or found.doc.get(REQUEST) != doc[REQUEST]:
            raise
        doc = found.doc
    return doc


def _picked(doc: Document, paths: Mapping[str, str]) -> Document:
    return {member: _at(doc, path) for member, path in paths.items()}


def _made_up(kind: Kind, call: Call, token: str | None) -> Document:
    """Make up the identity that the server gives; a repeated request gets the one it was given."""
    place = f"{call.account} {call.region} {kind.resource.kind} {token}"
    return {
        member: made_up(form, f"{place} {member}" if token else "")
        for member, form in kind.resource.generated.items()
    }


def _completed(call: Call) -> Document:
    completion = registry.completion(call.service, call.operation)
    return completion(call) if completion else {}


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
    "Stop": stop,
    "Delete": delete,
}
