"""Instance profiles, each around one role at most."""

from __future__ import annotations

from clary.core import ids
from clary.core.document import Document
from clary.operations.iam.answers import absent, conflict, limit, mine, page, refuse_twin
from clary.operations.iam.role import shown as shown_role
from clary.operations.registry import Call, operation
from clary.resources.iam.instance_profile import INSTANCE_PROFILE
from clary.resources.iam.role import ROLE
from clary.store.records import Record, Records

ROLES = "_Roles"
"""Member of an instance profile: the names of its roles."""
_SHOWN = ("Path", "InstanceProfileName", "InstanceProfileId", "Arn", "CreateDate")


@operation("iam", "CreateInstanceProfile")
def create_instance_profile(call: Call) -> Document:
    """Create an instance profile without a role."""
    records = mine(call)
    doc: Document = {
        "Path": call.request.get("Path", "/"),
        "InstanceProfileName": call.request["InstanceProfileName"],
        "InstanceProfileId": ids.identity_id("AIPA"),
        "CreateDate": call.clock.now().replace(microsecond=0),
        ROLES: [],
    }
    if call.request.get("Tags"):
        doc["Tags"] = call.request["Tags"]
    doc["Arn"] = records.arn(INSTANCE_PROFILE, doc)
    with records.database.write():
        refuse_twin(records, INSTANCE_PROFILE, doc)
        return {"InstanceProfile": shown(records, records.create(INSTANCE_PROFILE, doc), tags=True)}


@operation("iam", "GetInstanceProfile")
def get_instance_profile(call: Call) -> Document:
    """Describe an instance profile."""
    records = mine(call)
    return {"InstanceProfile": shown(records, records.get(INSTANCE_PROFILE, call.request), tags=True)}


@operation("iam", "ListInstanceProfiles")
def list_instance_profiles(call: Call) -> Document:
    """List instance profiles under a path."""
    records, prefix = mine(call), call.request.get("PathPrefix", "/")
    found = [one for one in records.each(INSTANCE_PROFILE) if one.doc["Path"].startswith(prefix)]
    return page(call, "InstanceProfiles", [(one.name, shown(records, one)) for one in found])


@operation("iam", "ListInstanceProfilesForRole")
def list_instance_profiles_for_role(call: Call) -> Document:
    """List the instance profiles a role is in."""
    records = mine(call)
    found = around(records, records.get(ROLE, call.request).name)
    return page(call, "InstanceProfiles", [(one.name, shown(records, one)) for one in found])


@operation("iam", "AddRoleToInstanceProfile")
def add_role_to_instance_profile(call: Call) -> None:
    """Put a role into an instance profile that has none."""
    records = mine(call)
    with records.database.write():
        profile = records.get(INSTANCE_PROFILE, call.request)
        role = records.get(ROLE, call.request)
        if profile.doc[ROLES]:
            raise limit("Cannot exceed quota for InstanceSessionsPerInstanceProfile: 1")
        records.update(profile, {ROLES: [role.name]})


@operation("iam", "RemoveRoleFromInstanceProfile")
def remove_role_from_instance_profile(call: Call) -> None:
    """Take the role out of an instance profile."""
    records, name = mine(call), call.request["RoleName"]
    with records.database.write():
        profile = records.get(INSTANCE_PROFILE, call.request)
        if name not in profile.doc[ROLES]:
            raise absent(f"Role {name} in Instance Profile {profile.name} cannot be found.")
        records.update(profile, {ROLES: []})


@operation("iam", "DeleteInstanceProfile")
def delete_instance_profile(call: Call) -> None:
    """Delete an instance profile without a role."""
    records = mine(call)
    with records.database.write():
        profile = records.get(INSTANCE_PROFILE, call.request)
        if profile.doc[ROLES]:
            raise conflict("Cannot delete entity, must remove roles from instance profile first.")
        records.delete(profile)


def around(records: Records, role: str) -> list[Record]:
    """Return the instance profiles a role is in."""
    return [one for one in records.each(INSTANCE_PROFILE) if role in one.doc[ROLES]]


def shown(records: Records, profile: Record, *, tags: bool = False) -> Document:
    """Return what IAM tells of an instance profile; lists leave its tags out."""
    roles = [records.find(ROLE, name) for name in profile.doc[ROLES]]
    told = {name: profile.doc[name] for name in _SHOWN}
    if tags and profile.doc.get("Tags"):
        told["Tags"] = profile.doc["Tags"]
    return {**told, "Roles": [shown_role(role) for role in roles if role is not None]}
