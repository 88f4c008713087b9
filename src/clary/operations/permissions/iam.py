"""IAM and STS: calls that need no permission, and calls about the caller's own user."""

from __future__ import annotations

from clary.core.document import Document
from clary.core.principal import Principal
from clary.operations.permissions.named import Said
from clary.resources.iam.access_key import ACCESS_KEY
from clary.store.records import Records

FREE = frozenset({("sts", "GetCallerIdentity"), ("sts", "GetSessionToken")})
"""Calls that need no permission."""
_SELF = frozenset({"GetUser", "ListAccessKeys", "CreateAccessKey", "UpdateAccessKey", "DeleteAccessKey"})


def said(operation: str, request: Document, principal: Principal, records: Records) -> Said:
    """Return the user that a request means without a name: the access key's, or the caller."""
    path = {"path": (str(request["Path"]),)} if "Path" in request else {}
    if operation not in _SELF or "UserName" in request:
        return path
    key = records.scoped(principal.account, "").find(ACCESS_KEY, str(request.get("AccessKeyId", "")))
    if key is not None:
        return {"username": (str(key.doc["UserName"]),)}
    return {"username": (principal.grants.rsplit("/", 1)[-1],)} if principal.kind == "user" else {}
