"""Managed policies attached to users and roles."""

from __future__ import annotations

from functools import partial

from clary.core.document import Document
from clary.operations.iam.answers import HOLDERS, absent, limit, mine, page
from clary.operations.iam.grants import ATTACHED, holders, managed
from clary.operations.registry import Call, operation
from clary.resources.spec import Resource

ATTACHED_LIMIT = 20  # The most a quota increase gives; IAM starts with 10.


def attach(resource: Resource, call: Call) -> None:
    """Attach a managed policy; attaching it again changes nothing."""
    records, arn = mine(call), call.request["PolicyArn"]
    with records.database.write():
        if managed(records, arn) is None:
            raise absent(f"Policy {arn} does not exist or is not attachable.")
        holder = records.get(resource, call.request)
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
        attached = holder.doc.get(ATTACHED, [])
        if arn not in attached:
            raise absent(f"Policy {arn} was not found.")
        records.update(holder, {ATTACHED: [item for item in attached if item != arn]})


def list_attached(resource: Resource, call: Call) -> Document:
    """List what is attached."""
    holder = mine(call).get(resource, call.request)
    prefix = call.request.get("PathPrefix", "/")
    found = [arn for arn in holder.doc.get(ATTACHED, ()) if path_of(arn).startswith(prefix)]
    items = [(arn, {"PolicyName": arn.rsplit("/", 1)[-1], "PolicyArn": arn}) for arn in found]
    return page(call.request, "AttachedPolicies", items)


@operation("iam", "ListEntitiesForPolicy")
def list_entities_for_policy(call: Call) -> Document:
    """List the users and roles a managed policy is attached to."""
    arn, wanted = call.request["PolicyArn"], call.request.get("EntityFilter")
    if managed(call.records, arn) is None:
        raise absent(f"Policy {arn} was not found.")
    answer: Document = {"PolicyGroups": [], "IsTruncated": False}
    for word, resource in HOLDERS:
        found = [
            h
            for h in holders(call.records, call.account)
            if h.kind == resource.kind and arn in h.doc[ATTACHED]
        ]
        shown = [{f"{word}Name": holder.name, f"{word}Id": holder.doc[f"{word}Id"]} for holder in found]
        answer[f"Policy{word}s"] = shown if wanted in (None, word) else []
    return answer


def path_of(arn: str) -> str:
    """Return the path inside an ARN such as `…:policy/team/name`: `/team/`."""
    return "/" + arn.split("/", 1)[-1].rpartition("/")[0] + ("/" if arn.count("/") > 1 else "")


for _word, _resource in HOLDERS:
    operation("iam", f"Attach{_word}Policy")(partial(attach, _resource))
    operation("iam", f"Detach{_word}Policy")(partial(detach, _resource))
    operation("iam", f"ListAttached{_word}Policies")(partial(list_attached, _resource))
