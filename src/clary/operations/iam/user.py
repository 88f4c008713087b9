"""Users. What names may be, and what keeps one from being deleted: evidence/iam-records.md."""

from __future__ import annotations

from clary.core import ids
from clary.core.document import Document
from clary.core.errors import ValidationError
from clary.operations.iam.answers import conflict, mine, page, refuse_twin, refuse_with_policies, renamed
from clary.operations.iam.grants import ATTACHED, GROUPS, INLINE
from clary.operations.iam.permissions_boundary import boundary
from clary.operations.registry import Call, operation
from clary.resources.iam.access_key import ACCESS_KEY
from clary.resources.iam.user import USER
from clary.store.records import Record

LOGIN = "_LoginProfile"
"""Member of a user: its login profile."""
_SHOWN = ("Path", "UserName", "UserId", "Arn", "CreateDate", "PermissionsBoundary", "Tags")
LISTED = ("Path", "UserName", "UserId", "Arn", "CreateDate")


@operation("iam", "CreateUser")
def create_user(call: Call) -> Document:
    """Create a user without keys and policies."""
    records = mine(call)
    doc: Document = {
        "Path": call.request.get("Path", "/"),
        "UserName": call.request["UserName"],
        "UserId": ids.identity_id("AIDA"),
        "CreateDate": call.clock.now().replace(microsecond=0),
        INLINE: {},
        ATTACHED: [],
        **boundary(call),
    }
    if call.request.get("Tags"):
        doc["Tags"] = call.request["Tags"]
    doc["Arn"] = records.arn(USER, doc)
    with records.database.write():
        refuse_twin(records, USER, doc)
        return {"User": shown(records.create(USER, doc).doc)}


@operation("iam", "GetUser")
def get_user(call: Call) -> Document:
    """Describe the named user, or the caller."""
    return {"User": shown(named(call).doc)}


@operation("iam", "ListUsers")
def list_users(call: Call) -> Document:
    """List users under a path."""
    prefix = call.request.get("PathPrefix", "/")
    found = [user.doc for user in mine(call).each(USER) if user.doc["Path"].startswith(prefix)]
    return page(call, "Users", [(doc["UserName"], shown(doc, LISTED)) for doc in found])


@operation("iam", "UpdateUser")
def update_user(call: Call) -> None:
    """Give a user another name or path; groups, policies and keys go along."""
    records = mine(call)
    with records.database.write():
        user = records.get(USER, call.request)
        after = renamed(call, records, USER, user, "NewUserName")
        for key in records.each(ACCESS_KEY) if after.name != user.name else ():
            if key.doc["UserName"] == user.name:
                records.update(key, {"UserName": after.name})


@operation("iam", "DeleteUser")
def delete_user(call: Call) -> None:
    """Delete a user that has nothing left: its keys and policies go first."""
    records = mine(call)
    with records.database.write():
        user = records.get(USER, call.request)
        refuse_with_policies(user)
        if user.doc.get(GROUPS):
            raise conflict("Cannot delete entity, must remove users from group first.")
        if LOGIN in user.doc:
            raise conflict("Cannot delete entity, must delete login profile first.")
        if any(key.doc["UserName"] == user.name for key in records.each(ACCESS_KEY)):
            raise conflict("Cannot delete entity, must delete access keys first.")
        records.delete(user)


def named(call: Call) -> Record:
    """Return the user a request names, or the caller when it names none."""
    records = mine(call)
    if "UserName" in call.request:
        return records.get(USER, call.request)
    if call.principal.kind != "user":
        raise ValidationError(
            "Must specify userName when calling with non-User credentials", code="ValidationError"
        )
    return records.get(USER, {"UserName": call.principal.grants.rsplit("/", 1)[-1]})


def shown(doc: Document, members: tuple[str, ...] = _SHOWN) -> Document:
    """Return what IAM tells of a user."""
    return {name: doc[name] for name in members if doc.get(name)}
