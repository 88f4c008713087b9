"""What IAM's operations share: the caller's account, errors, pages."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterable
from typing import TypeVar

from clary.core.document import Document
from clary.core.errors import ApiError, ValidationError
from clary.operations.registry import Call
from clary.resources.iam.role import ROLE
from clary.resources.iam.user import USER
from clary.resources.spec import Resource
from clary.store.records import Records

PAGE = 100
Item = TypeVar("Item")
HOLDERS = (("User", USER), ("Role", ROLE))
"""What can hold policies: the word in operation names, and the kind."""


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


def page(request: Document, name: str, items: Iterable[tuple[str, Item]]) -> Document:
    """Answer one page of (key, item) pairs in order of their keys; the marker says which key came last."""
    found, marker = marked(items, request.get("Marker"), request.get("MaxItems", PAGE))
    answer: Document = {name: found, "IsTruncated": marker is not None}
    if marker is not None:
        answer["Marker"] = marker
    return answer


def marked(
    items: Iterable[tuple[str, Item]], marker: str | None, size: int, code: str = "ValidationError"
) -> tuple[list[Item], str | None]:
    """Return one page of items in order of their keys, from behind the marker on, and the next marker."""
    ordered = sorted(items, key=lambda pair: pair[0])
    if marker is not None:
        after = _opened(marker, code)
        ordered = [pair for pair in ordered if pair[0] > after]
    following = None
    if len(ordered) > size:
        following = base64.urlsafe_b64encode(ordered[size - 1][0].encode()).decode()
    return [item for _, item in ordered[:size]], following


def _opened(marker: str, code: str) -> str:
    try:
        return base64.b64decode(marker, altchars=b"-_", validate=True).decode()
    except (binascii.Error, ValueError) as error:
        raise ValidationError("Invalid Marker.", code=code) from error
