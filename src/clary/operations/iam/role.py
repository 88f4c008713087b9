"""Roles."""

from __future__ import annotations

from clary.core import ids
from clary.core.document import Document
from clary.operations.iam.answers import (
    PATH_OF_SERVICES,
    conflict,
    invalid,
    mine,
    page,
    refuse_linked,
    refuse_twin,
    refuse_with_policies,
)
from clary.operations.iam.documents import checked_trust, encoded
from clary.operations.iam.grants import ATTACHED, INLINE
from clary.operations.iam.permissions_boundary import boundary
from clary.operations.registry import Call, operation
from clary.resources.iam.instance_profile import INSTANCE_PROFILE
from clary.resources.iam.role import ROLE
from clary.store.records import Record

SESSION_SECONDS = 3600  # MaxSessionDuration unless said otherwise.
_LISTED = ("Path", "RoleName", "RoleId", "Arn", "CreateDate", "Description", "MaxSessionDuration")
_SHOWN = (*_LISTED, "PermissionsBoundary", "Tags")


@operation("iam", "CreateRole")
def create_role(call: Call) -> Document:
    """Create a role with its trust policy and no permissions."""
    records, request = mine(call), call.request
    if request.get("Path", "/").startswith(PATH_OF_SERVICES):
        raise invalid(f"The path {PATH_OF_SERVICES} is for roles that CreateServiceLinkedRole makes.")
    doc: Document = {
        "Path": request.get("Path", "/"),
        "RoleName": request["RoleName"],
        "RoleId": ids.identity_id("AROA"),
        "CreateDate": call.clock.now().replace(microsecond=0),
        "AssumeRolePolicyDocument": checked_trust(request["AssumeRolePolicyDocument"], records),
        "MaxSessionDuration": request.get("MaxSessionDuration", SESSION_SECONDS),
        INLINE: {},
        ATTACHED: [],
        **boundary(call),
    }
    for name in ("Description", "Tags"):
        if request.get(name):
            doc[name] = request[name]
    doc["Arn"] = records.arn(ROLE, doc)
    with records.database.write():
        refuse_twin(records, ROLE, doc)
        return {"Role": shown(records.create(ROLE, doc))}


@operation("iam", "GetRole")
def get_role(call: Call) -> Document:
    """Describe a role."""
    return {"Role": shown(mine(call).get(ROLE, call.request))}


@operation("iam", "ListRoles")
def list_roles(call: Call) -> Document:
    """List roles under a path."""
    prefix = call.request.get("PathPrefix", "/")
    found = [role for role in mine(call).each(ROLE) if role.doc["Path"].startswith(prefix)]
    return page(call, "Roles", [(role.name, shown(role, _LISTED)) for role in found])


@operation("iam", "DeleteRole")
def delete_role(call: Call) -> None:
    """Delete a role without policies; its sessions end with it."""
    records = mine(call)
    with records.database.write():
        role = records.get(ROLE, call.request)
        refuse_linked(role)
        if any(role.name in profile.doc["_Roles"] for profile in records.each(INSTANCE_PROFILE)):
            raise conflict("Cannot delete entity, must remove roles from instance profile first.")
        refuse_with_policies(role)
        records.delete(role)


@operation("iam", "UpdateAssumeRolePolicy")
def update_assume_role_policy(call: Call) -> None:
    """Replace who may assume a role."""
    records = mine(call)
    document = checked_trust(call.request["PolicyDocument"], records)
    with records.database.write():
        role = records.get(ROLE, call.request)
        refuse_linked(role)
        records.update(role, {"AssumeRolePolicyDocument": document})


@operation("iam", "UpdateRole")
def update_role(call: Call) -> Document:
    """Change a role's description or how long its sessions may last."""
    _change(
        call,
        {name: call.request[name] for name in ("Description", "MaxSessionDuration") if name in call.request},
    )
    return {}


@operation("iam", "UpdateRoleDescription")
def update_role_description(call: Call) -> Document:
    """Change a role's description."""
    return {"Role": shown(_change(call, {"Description": call.request["Description"]}))}


def shown(role: Record, members: tuple[str, ...] = _SHOWN) -> Document:
    """Return what IAM tells of a role."""
    told = {name: role.doc[name] for name in members if role.doc.get(name)}
    return {**told, "AssumeRolePolicyDocument": encoded(role.doc["AssumeRolePolicyDocument"])}


def _change(call: Call, changes: Document) -> Record:
    records = mine(call)
    with records.database.write():
        role = records.get(ROLE, call.request)
        if not set(changes) <= {"Description"}:
            refuse_linked(role)
        return records.update(role, changes)
