"""What IAM's operations share: the caller's account, errors, pages."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TypeVar

from clary.core.document import Document
from clary.core.errors import ApiError
from clary.operations.computed_list import cut
from clary.operations.iam.grants import ATTACHED, INLINE
from clary.operations.registry import Call
from clary.resources.iam.group import GROUP
from clary.resources.iam.role import ROLE
from clary.resources.iam.user import USER
from clary.resources.spec import Resource
from clary.store.pages import Filter
from clary.store.records import Record, Records

PAGE = 100
PATH_OF_SERVICES = "/aws-service-role/"
"""Where the roles lie that belong to a service."""
Item = TypeVar("Item")
PRINCIPALS = (("User", USER), ("Role", ROLE))
"""What can call, be bounded and be tagged: the word in operation names, and the kind."""
HOLDERS = (*PRINCIPALS, ("Group", GROUP))
"""What can hold policies."""


def mine(call: Call) -> Records:
    """Return the caller's IAM records; IAM knows no regions."""
    return call.records.scoped(call.account, "")


def member(resource: Resource) -> str:
    """Return the request member that names a user, role or policy."""
    return resource.key()[0]


def absent(text: str) -> ApiError:
    """Return NoSuchEntity."""
    return ApiError(text, code="NoSuchEntity", status=404)


def conflict(text: str) -> ApiError:
    """Return DeleteConflict."""
    return ApiError(text, code="DeleteConflict", status=409)


def limit(text: str) -> ApiError:
    """Return LimitExceeded."""
    return ApiError(text, code="LimitExceeded", status=409)


def invalid(text: str) -> ApiError:
    """Return InvalidInput."""
    return ApiError(text, code="InvalidInput", status=400)


def refuse_with_policies(holder: Record) -> None:
    """Raise DeleteConflict for a user, group or role that still has policies."""
    if holder.doc.get(ATTACHED):
        raise conflict("Cannot delete entity, must detach all policies first.")
    if holder.doc.get(INLINE):
        raise conflict("Cannot delete entity, must delete policies first.")


def refuse_linked(record: Record) -> None:
    """Raise UnmodifiableEntity for a role that belongs to a service."""
    if record.kind == ROLE.kind and record.doc["Path"].startswith(PATH_OF_SERVICES):
        raise ApiError(
            f"Cannot perform the operation on the protected role '{record.name}' - this role is only "
            "modifiable by AWS",
            code="UnmodifiableEntity",
            status=400,
        )


def refuse_twin(records: Records, resource: Resource, doc: Document) -> None:
    """Raise the kind's conflict when there is one of that name in other letters: IAM's names ignore case."""
    key = member(resource)
    name, token = str(doc[key]), None
    while True:
        found = records.page(resource, where=[Filter(key, "contains", name)], limit=PAGE, token=token)
        if any(record.name.lower() == name.lower() for record in found.records):
            words = resource.conflict_text.format(arn=records.arn(resource, doc), name=name)
            raise ApiError(words, code=resource.conflict, status=resource.conflict_status)
        token = found.next_token
        if token is None:
            return


def renamed(call: Call, records: Records, resource: Resource, record: Record, asked: str) -> Record:
    """Give a record the name and path a request asks for. Its ids stay what they are; it is a new record."""
    key, request = member(resource), call.request
    doc = {
        **record.doc,
        key: request.get(asked, record.name),
        "Path": request.get("NewPath", record.doc["Path"]),
    }
    doc["Arn"] = records.arn(resource, doc)
    if doc["Arn"] == record.arn:
        return record
    records.delete(record)
    refuse_twin(records, resource, doc)
    return records.create(resource, doc)


def page(call: Call, name: str, items: Iterable[tuple[str, Item]]) -> Document:
    """Answer one page of (key, item) pairs in order of their keys."""
    found, marker = marked(call, items)
    answer: Document = {name: found, "IsTruncated": marker is not None}
    if marker is not None:
        answer["Marker"] = marker
    return answer


def marked(call: Call, items: Iterable[tuple[str, Item]]) -> tuple[list[Item], str | None]:
    """Return one page of (key, item) pairs in order of their keys, and the marker of the next."""
    size, marker = call.request.get("MaxItems", PAGE), call.request.get("Marker")
    return cut(call, items, size, marker, refused="ValidationError")
