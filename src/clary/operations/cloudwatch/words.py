"""How CloudWatch words its refusals, and what its pages are told apart by."""

from __future__ import annotations

import base64
import binascii
import hashlib
import json

from clary.core.document import Document, dumps
from clary.core.errors import ApiError, ValidationError


def invalid(words: str) -> ApiError:
    """Return an InvalidParameterValue."""
    return ApiError(words, code="InvalidParameterValue", status=400)


def clash(words: str) -> ApiError:
    """Return an InvalidParameterCombination."""
    return ApiError(words, code="InvalidParameterCombination", status=400)


def missing(words: str) -> ApiError:
    """Return a MissingParameter."""
    return ApiError(words, code="MissingParameter", status=400)


def refused(words: str) -> ValidationError:
    """Return a ValidationError."""
    return ValidationError(words, code="ValidationError")


def token(request: Document, place: list[object]) -> str:
    """Return what leads on from a place in the answer to this request."""
    return base64.urlsafe_b64encode(json.dumps([_digest(request), *place]).encode()).decode()


def place(request: Document, *, code: str = "InvalidNextToken") -> list[str | int] | None:
    """Return the place a request's token leads to; one of another request is refused."""
    given = request.get("NextToken")
    if given is None:
        return None
    try:
        digest, *found = json.loads(base64.urlsafe_b64decode(given.encode()))
    except (binascii.Error, ValueError, TypeError, RecursionError):
        digest, found = "", []
    if digest != _digest(request) or not all(isinstance(each, str | int) for each in found):
        raise ApiError("The NextToken is not one that this request was answered with.", code=code, status=400)
    return list(found)


def _digest(request: Document) -> str:
    """Tell queries apart; how many are asked for at once may change from page to page."""
    paging = ("NextToken", "MaxRecords", "MaxDatapoints")
    asked = {member: value for member, value in request.items() if member not in paging}
    return hashlib.sha256(dumps(dict(sorted(asked.items()))).encode(errors="replace")).hexdigest()[:16]
