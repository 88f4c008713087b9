"""IAM and STS: the action is the operation, the resource the user, role or policy it names."""

from __future__ import annotations

from clary.core.document import Document
from clary.core.principal import Principal
from clary.operations.permissions.need import Need
from clary.resources.iam.access_key import ACCESS_KEY
from clary.resources.iam.role import ROLE
from clary.resources.iam.user import USER
from clary.resources.spec import Resource
from clary.store.records import Records

FREE = frozenset({("sts", "GetCallerIdentity"), ("sts", "GetSessionToken")})
"""Calls that need no permission."""
_SELF = frozenset({"GetUser", "ListAccessKeys", "CreateAccessKey", "UpdateAccessKey", "DeleteAccessKey"})
_NEW = {"CreateUser": USER, "CreateRole": ROLE}


def needs(operation: str, request: Document, principal: Principal, records: Records) -> list[Need]:
    """Return the permission an IAM operation needs."""
    return [Need(f"iam:{operation}", _resource(operation, request, principal, records), _context(request))]


def _resource(operation: str, request: Document, principal: Principal, records: Records) -> str:
    mine = records.scoped(principal.account, "")
    if "RoleName" in request:
        return _arn(mine, ROLE, operation, request)
    if "UserName" in request:
        return _arn(mine, USER, operation, request)
    for member in ("PolicyArn", "PolicySourceArn"):
        if member in request:
            return str(request[member])
    if "PolicyName" in request:
        path = request.get("Path", "/")
        return f"arn:aws:iam::{principal.account}:policy{path}{request['PolicyName']}"
    if operation in _SELF:
        key = mine.find(ACCESS_KEY, request.get("AccessKeyId", ""))
        user = mine.find(USER, key.doc["UserName"]) if key is not None else None
        return user.arn if user is not None else principal.grants
    return "*"


def _arn(records: Records, resource: Resource, operation: str, request: Document) -> str:
    name = request[resource.key()[0]]
    found = None if operation in _NEW else records.find(resource, name)
    return found.arn if found is not None else records.arn(resource, {"Path": "/", **request})


def _context(request: Document) -> dict[str, tuple[str, ...]]:
    context: dict[str, tuple[str, ...]] = {}
    if "PolicyArn" in request:
        context["iam:policyarn"] = (str(request["PolicyArn"]),)
    if "PermissionsBoundary" in request:
        context["iam:permissionsboundary"] = (str(request["PermissionsBoundary"]),)
    return context
