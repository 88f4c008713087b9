"""S3: objects, copies and versions, which its requests name in their own way.

Object operations act on `arn:aws:s3:::bucket/key`, bucket operations on `arn:aws:s3:::bucket`. Which action
each of them needs: evidence/s3-actions.md.
"""

from __future__ import annotations

from urllib.parse import unquote

from clary.core.document import Document
from clary.operations.permissions import asked
from clary.operations.permissions.context import Values
from clary.operations.permissions.need import Need
from clary.operations.permissions.places import values
from clary.operations.permissions.plan import plan_of
from clary.operations.permissions.table import actions_of
from clary.store.records import Records

_VERSIONED = frozenset({"GetObject", "DeleteObject", "GetObjectTagging", "PutObjectTagging", "GetObjectAcl"})


def needs(operation: str, request: Document, records: Records) -> list[Need]:
    """Return the permissions an S3 operation needs, the first one first."""
    name = actions_of("s3", operation)[0]
    context = _context(operation, request, records)
    if not request.get("Bucket"):
        return [Need(f"s3:{name}", "*", context)]
    bucket = f"arn:aws:s3:::{bucket_name(request)}"
    if operation == "DeleteObjects":
        objects = request.get("Delete", {}).get("Objects", [])
        return [_deletion(bucket, item, place) for place, item in enumerate(objects)]
    if "Key" not in request:
        return [Need(f"s3:{name}", bucket, context)]
    found = [Need(f"s3:{_versioned(name, request)}", f"{bucket}/{request['Key']}", context)]
    if operation in ("CopyObject", "UploadPartCopy"):
        found.insert(0, _source(request))
    if operation in ("PutObject", "CreateMultipartUpload", "CopyObject") and request.get("Tagging"):
        found.append(Need("s3:PutObjectTagging", found[-1].resource, context))
    return found


def bucket_name(request: Document) -> str:
    """Return the bucket a request names, which may come as an ARN."""
    name: str = request.get("Bucket", "")
    return name.removeprefix("arn:aws:s3:::")


def bucket_of(resource: str) -> str:
    """Return the bucket that an S3 ARN lies in."""
    return resource.removeprefix("arn:aws:s3:::").split("/", 1)[0]


def _versioned(action: str, request: Document) -> str:
    if action not in _VERSIONED or not request.get("VersionId"):
        return action
    return action.replace("Object", "ObjectVersion", 1)


def _deletion(bucket: str, item: Document, place: int) -> Need:
    action = f"s3:{_versioned('DeleteObject', item)}"
    context: Values = {"s3:versionid": (str(item["VersionId"]),)} if item.get("VersionId") else {}
    return Need(action, f"{bucket}/{item.get('Key', '')}", context, item=place)


def _source(request: Document) -> Need:
    source, _, version = str(request.get("CopySource", "")).partition("?versionId=")
    action = "s3:GetObjectVersion" if version else "s3:GetObject"
    return Need(action, f"arn:aws:s3:::{unquote(source).lstrip('/')}")


def _context(operation: str, request: Document, records: Records) -> Values:
    plan = plan_of("s3", operation)
    context = asked.context(plan, values(plan.root, request), request, records)
    if request.get("VersionId"):
        context["s3:versionid"] = (str(request["VersionId"]),)
    if request.get("Tagging") and isinstance(request["Tagging"], str):
        pairs = [pair.partition("=") for pair in request["Tagging"].split("&")]
        context["s3:requestobjecttagkeys"] = tuple(unquote(name) for name, _, _ in pairs)
        for name, _, value in pairs:
            context[f"s3:requestobjecttag/{unquote(name).lower()}"] = (unquote(value),)
    return context
