"""Groups, and who belongs to them."""

from __future__ import annotations

from collections.abc import Iterator

from clary.core import ids
from clary.core.document import Document
from clary.operations.iam.answers import (
    conflict,
    limit,
    mine,
    page,
    refuse_twin,
    refuse_with_policies,
    renamed,
)
from clary.operations.iam.grants import ATTACHED, GROUPS, INLINE
from clary.operations.iam.user import LISTED as USER_LISTED
from clary.operations.iam.user import shown as shown_user
from clary.operations.registry import Call, operation
from clary.resources.iam.group import GROUP
from clary.resources.iam.user import USER
from clary.store.records import Record, Records

GROUPS_PER_USER = 10
_SHOWN = ("Path", "GroupName", "GroupId", "Arn", "CreateDate")


@operation("iam", "CreateGroup")
def create_group(call: Call) -> Document:
    """Create a group without users and policies."""
    records = mine(call)
    doc: Document = {
        "Path": call.request.get("Path", "/"),
        "GroupName": call.request["GroupName"],
        "GroupId": ids.identity_id("AGPA"),
        "CreateDate": call.clock.now().replace(microsecond=0),
        INLINE: {},
        ATTACHED: [],
    }
    doc["Arn"] = records.arn(GROUP, doc)
    with records.database.write():
        refuse_twin(records, GROUP, doc)
        return {"Group": shown(records.create(GROUP, doc))}


@operation("iam", "GetGroup")
def get_group(call: Call) -> Document:
    """Describe a group, and page through its users."""
    records = mine(call)
    group = records.get(GROUP, call.request)
    users = [(user.name, shown_user(user.doc, USER_LISTED)) for user in members(records, group.name)]
    return {"Group": shown(group), **page(call, "Users", users)}


@operation("iam", "ListGroups")
def list_groups(call: Call) -> Document:
    """List groups under a path."""
    prefix = call.request.get("PathPrefix", "/")
    found = [group for group in mine(call).each(GROUP) if group.doc["Path"].startswith(prefix)]
    return page(call, "Groups", [(group.name, shown(group)) for group in found])


@operation("iam", "ListGroupsForUser")
def list_groups_for_user(call: Call) -> Document:
    """List the groups a user belongs to."""
    records = mine(call)
    user = records.get(USER, call.request)
    found = [records.get(GROUP, {"GroupName": name}) for name in user.doc.get(GROUPS, ())]
    return page(call, "Groups", [(group.name, shown(group)) for group in found])


@operation("iam", "UpdateGroup")
def update_group(call: Call) -> None:
    """Give a group another name or path; its users stay in it."""
    records = mine(call)
    with records.database.write():
        group = records.get(GROUP, call.request)
        after = renamed(call, records, GROUP, group, "NewGroupName")
        for user in members(records, group.name) if after.name != group.name else ():
            names = [after.name if name == group.name else name for name in user.doc[GROUPS]]
            records.update(user, {GROUPS: names})


@operation("iam", "DeleteGroup")
def delete_group(call: Call) -> None:
    """Delete a group that has nothing left: its users and policies go first."""
    records = mine(call)
    with records.database.write():
        group = records.get(GROUP, call.request)
        if next(members(records, group.name), None) is not None:
            raise conflict("Cannot delete entity, must remove users from group first.")
        refuse_with_policies(group)
        records.delete(group)


@operation("iam", "AddUserToGroup")
def add_user_to_group(call: Call) -> None:
    """Put a user into a group; being there already changes nothing."""
    records = mine(call)
    with records.database.write():
        group, user = records.get(GROUP, call.request), records.get(USER, call.request)
        names = user.doc.get(GROUPS, [])
        if group.name in names:
            return
        if len(names) >= GROUPS_PER_USER:
            raise limit(f"Cannot exceed quota for GroupsPerUser: {GROUPS_PER_USER}")
        records.update(user, {GROUPS: [*names, group.name]})


@operation("iam", "RemoveUserFromGroup")
def remove_user_from_group(call: Call) -> None:
    """Take a user out of a group; not being there does not matter."""
    records = mine(call)
    with records.database.write():
        group, user = records.get(GROUP, call.request), records.get(USER, call.request)
        names = user.doc.get(GROUPS, [])
        if group.name in names:
            records.update(user, {GROUPS: [name for name in names if name != group.name]})


def members(records: Records, group: str) -> Iterator[Record]:
    """Yield the users of a group."""
    return (user for user in records.each(USER) if group in user.doc.get(GROUPS, ()))


def shown(group: Record) -> Document:
    """Return what IAM tells of a group."""
    return {name: group.doc[name] for name in _SHOWN}
