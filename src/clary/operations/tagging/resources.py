"""The Resource Groups Tagging API: the tags of everything that has some, whichever service it belongs to."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import islice

from clary.core.arn import parse as parse_arn
from clary.core.document import Document, dumps
from clary.core.errors import ApiError, ValidationError
from clary.core.tags import listed
from clary.operations.computed_list import cut
from clary.operations.registry import Call, operation
from clary.operations.tagging.sources import Position, Tagged, change, every
from clary.store.tokens import Tokens

SERVICE = "resourcegroupstaggingapi"
_PAGE = 50  # Resources of a page when the request does not say.
_NAMES = 1000  # Keys or values of a page.


@operation(SERVICE, "GetResources")
def resources(call: Call) -> Document:
    """Answer the resources that have the tags and types that are asked for."""
    request = call.request
    if arns := request.get("ResourceARNList"):
        if request.get("ResourceTypeFilters") or request.get("PaginationToken"):
            raise _refused("ResourceARNList stands alone: leave ResourceTypeFilters and the token out.")
        asked = [each for each in every(call) if each.arn in set(arns) and _meets(each, request)]
        return {"PaginationToken": "", "ResourceTagMappingList": [_told(each) for each in asked]}
    tokens = _tokens(call)
    matching = (each for each in every(call, _opened(tokens, request)) if _meets(each, request))
    limit = request.get("ResourcesPerPage", _PAGE)
    found = list(islice(matching, limit + 1))
    kept = _within(found[:limit], request.get("TagsPerPage"))
    token = tokens.seal(list(kept[-1].position)) if len(found) > len(kept) else ""
    return {"PaginationToken": token, "ResourceTagMappingList": [_told(each) for each in kept]}


@operation(SERVICE, "GetTagKeys")
def keys(call: Call) -> Document:
    """Answer every key that is in use."""
    return _names(call, "TagKeys", (key for each in every(call) for key in each.tags))


@operation(SERVICE, "GetTagValues")
def values(call: Call) -> Document:
    """Answer every value that a key has somewhere."""
    wanted = call.request["Key"]
    found = (each.tags[wanted] for each in every(call) if wanted in each.tags)
    return _names(call, "TagValues", found)


@operation(SERVICE, "TagResources")
def tag(call: Call) -> Document:
    """Add tags to resources; what fails is told by ARN, the others are tagged all the same."""
    return _each(call, lambda arn: change(call, arn, call.request["Tags"], ()))


@operation(SERVICE, "UntagResources")
def untag(call: Call) -> Document:
    """Take tags off resources; what fails is told by ARN."""
    return _each(call, lambda arn: change(call, arn, {}, call.request["TagKeys"]))


def _each(call: Call, work: Callable[[str], None]) -> Document:
    failed: dict[str, Document] = {}
    for arn in call.request["ResourceARNList"]:
        try:
            work(arn)
        except ApiError as error:
            failed[arn] = {
                "StatusCode": error.status,
                "ErrorCode": "InvalidParameterException",
                "ErrorMessage": error.message,
            }
    return {"FailedResourcesMap": failed}


def _meets(each: Tagged, request: Document) -> bool:
    for wanted in request.get("TagFilters", ()):
        value = each.tags.get(wanted.get("Key", ""))
        if value is None or (wanted.get("Values") and value not in wanted["Values"]):
            return False
    types = request.get("ResourceTypeFilters")
    return not types or any(_is(each.arn, wanted) for wanted in types)


def _is(arn: str, wanted: str) -> bool:
    """Tell whether an ARN is of a type such as `sagemaker` or `sagemaker:endpoint`."""
    parsed, (service, _, kind) = parse_arn(arn), wanted.partition(":")
    if parsed is None or parsed.service != service:
        return False
    named = parsed.resource.replace(":", "/").partition("/")
    return not kind or (named[0] if named[1] else "bucket") == kind


def _within(page: list[Tagged], most: int | None) -> list[Tagged]:
    """Cut a page so that it has no more than so many tags, but one resource at least."""
    total = 0
    for number, each in enumerate(page):
        total += len(each.tags)
        if most is not None and total > most and number:
            return page[:number]
    return page


def _told(each: Tagged) -> Document:
    return {"ResourceARN": each.arn, "Tags": listed(each.tags)}


def _names(call: Call, name: str, found: Iterator[str]) -> Document:
    token = call.request.get("PaginationToken") or None
    page, more = cut(call, [(text, text) for text in set(found)], _NAMES, token, refused=_FOREIGN)
    return {name: page, "PaginationToken": more or ""}


def _tokens(call: Call) -> Tokens:
    asked = {name: value for name, value in call.request.items() if name != "PaginationToken"}
    return Tokens(
        call.records.database, call.clock, dumps({"of": [call.account, call.region], "asked": asked})
    )


def _opened(tokens: Tokens, request: Document) -> Position:
    token = request.get("PaginationToken")
    if not token:
        return 0, ""
    try:
        source, last = tokens.open(token)
    except ValidationError as error:
        raise _refused(error.message) from error
    return int(str(source)), str(last)


_FOREIGN = "InvalidParameterException"


def _refused(text: str) -> ApiError:
    return ApiError(text, code=_FOREIGN, status=400)
