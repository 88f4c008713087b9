"""Policies that are part of one user, role or group: PutRolePolicy, GetUserPolicy and so on."""

from __future__ import annotations

from functools import partial

from clary.core.document import Document
from clary.core.errors import ApiError
from clary.operations.iam.answers import HOLDERS, absent, limit, member, mine, page, refuse_linked
from clary.operations.iam.documents import checked, encoded
from clary.operations.iam.grants import INLINE
from clary.operations.registry import Call, operation
from clary.resources.spec import Resource

QUOTA = {
    "User": 2048,
    "Group": 5120,
    "Role": 10240,
}
"""Characters of all inline policies together, white space not counted."""


def put(resource: Resource, call: Call) -> None:
    """Write or replace one inline policy."""
    records = mine(call)
    document = checked(call.request["PolicyDocument"])
    with records.database.write():
        holder = records.get(resource, call.request)
        refuse_linked(holder)
        inline = {**holder.doc.get(INLINE, {}), call.request["PolicyName"]: document}
        size = sum(len("".join(text.split())) for text in inline.values())
        if size > QUOTA[resource.kind]:
            quota = f"Maximum policy size of {QUOTA[resource.kind]} bytes exceeded"
            raise limit(f"{quota} for {resource.kind.lower()} {holder.name}")
        records.update(holder, {INLINE: inline})


def get(resource: Resource, call: Call) -> Document:
    """Answer one inline policy, percent-encoded."""
    holder = mine(call).get(resource, call.request)
    name = call.request["PolicyName"]
    inline = holder.doc.get(INLINE, {})
    if name not in inline:
        raise _absent(resource, name)
    return {member(resource): holder.name, "PolicyName": name, "PolicyDocument": encoded(inline[name])}


def list_names(resource: Resource, call: Call) -> Document:
    """List the names of inline policies."""
    holder = mine(call).get(resource, call.request)
    return page(call, "PolicyNames", [(name, name) for name in holder.doc.get(INLINE, {})])


def delete(resource: Resource, call: Call) -> None:
    """Delete one inline policy."""
    records = mine(call)
    with records.database.write():
        holder = records.get(resource, call.request)
        refuse_linked(holder)
        inline = dict(holder.doc.get(INLINE, {}))
        if inline.pop(call.request["PolicyName"], None) is None:
            raise _absent(resource, call.request["PolicyName"])
        records.update(holder, {INLINE: inline})


def _absent(resource: Resource, name: str) -> ApiError:
    return absent(f"The {resource.noun()} policy with name {name} cannot be found.")


for _word, _resource in HOLDERS:
    operation("iam", f"Put{_word}Policy")(partial(put, _resource))
    operation("iam", f"Get{_word}Policy")(partial(get, _resource))
    operation("iam", f"List{_word}Policies")(partial(list_names, _resource))
    operation("iam", f"Delete{_word}Policy")(partial(delete, _resource))
