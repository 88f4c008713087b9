"""Managed policies attached to users, roles and groups."""

from __future__ import annotations

from functools import partial

from clary.core.document import Document
from clary.operations.iam.answers import HOLDERS, absent, limit, marked, mine, page, refuse_linked
from clary.operations.iam.grants import ATTACHED, holders, managed
from clary.operations.registry import Call, operation
from clary.resources.spec import Resource
from clary.store.records import Record

ATTACHED_LIMIT = 10


def attach(resource: Resource, call: Call) -> None:
    """Attach a managed policy; attaching it again changes nothing."""
    records, arn = mine(call), call.request["PolicyArn"]
    with records.database.write():
        if managed(records, arn) is None:
            raise absent(f"Policy {arn} does not exist or is not attachable.")
        holder = records.get(resource, call.request)
        refuse_linked(holder)
        attached = holder.doc.get(ATTACHED, [])
        if arn in attached:
            return
        if len(attached) >= ATTACHED_LIMIT:
            raise limit(f"Cannot exceed quota for PoliciesPer{resource.kind}: {ATTACHED_LIMIT}")
        records.update(holder, {ATTACHED: [*attached, arn]})


def detach(resource: Resource, call: Call) -> None:
    """Detach a managed policy."""
    records, arn = mine(call), call.request["PolicyArn"]
    with records.database.write():
        holder = records.get(resource, call.request)
        refuse_linked(holder)
        attached = holder.doc.get(ATTACHED, [])
        if arn not in attached:
            raise absent(f"Policy {arn} was not found.")
        records.update(holder, {ATTACHED: [item for item in attached if item != arn]})


def list_attached(resource: Resource, call: Call) -> Document:
    """List what is attached."""
    holder = mine(call).get(resource, call.request)
    prefix = call.request.get("PathPrefix", "/")
    found = [arn for arn in holder.doc.get(ATTACHED, ()) if path_of(arn).startswith(prefix)]
    return page(call, "AttachedPolicies", [(sorted_by(arn), shown(arn)) for arn in found])


def shown(arn: str) -> Document:
    """Return what IAM tells of an attachment."""
    return {"PolicyName": arn.rsplit("/", 1)[-1], "PolicyArn": arn}


@operation("iam", "ListEntitiesForPolicy")
def list_entities_for_policy(call: Call) -> Document:
    """List the users, roles and groups a managed policy is attached to, or is the boundary of."""
    request, arn = call.request, call.request["PolicyArn"]
    if managed(call.records, arn) is None:
        raise absent(f"Policy {arn} was not found.")
    prefix, usage = request.get("PathPrefix", "/"), request.get("PolicyUsageFilter")
    users = [
        (f"{one.kind} {one.name}", one)
        for one in holders(call.records, call.account)
        if _uses(one, arn, usage)
        and one.doc["Path"].startswith(prefix)
        and request.get("EntityFilter", one.kind) == one.kind
    ]
    found, marker = marked(call, users)
    answer: Document = {f"Policy{word}s": [] for word, _ in HOLDERS}
    for one in found:
        entity = {f"{one.kind}Name": one.name, f"{one.kind}Id": one.doc[f"{one.kind}Id"]}
        answer[f"Policy{one.kind}s"].append(entity)
    return {**answer, "IsTruncated": marker is not None, **({"Marker": marker} if marker else {})}


def sorted_by(arn: str) -> str:
    """Return what lists put policies in order by: the name, for a path is too long for a marker."""
    return f"{arn.rsplit('/', 1)[-1]} {arn.split(':')[4]}"


def path_of(arn: str) -> str:
    """Return the path inside an ARN such as `…:policy/team/name`: `/team/`."""
    return "/" + arn.split("/", 1)[-1].rpartition("/")[0] + ("/" if arn.count("/") > 1 else "")


def _uses(holder: Record, arn: str, usage: str | None) -> bool:
    bounded = holder.doc.get("PermissionsBoundary", {}).get("PermissionsBoundaryArn") == arn
    attached = arn in holder.doc.get(ATTACHED, ())
    return bounded if usage == "PermissionsBoundary" else attached if usage else attached or bounded


for _word, _resource in HOLDERS:
    operation("iam", f"Attach{_word}Policy")(partial(attach, _resource))
    operation("iam", f"Detach{_word}Policy")(partial(detach, _resource))
    operation("iam", f"ListAttached{_word}Policies")(partial(list_attached, _resource))
