"""Tags of functions."""

from __future__ import annotations

from clary.core.document import Document
from clary.core.tags import retagged, tags_of
from clary.operations.awslambda.functions import function_of, invalid
from clary.operations.registry import Call, operation

LIMIT = 50


@operation("lambda", "TagResource")
def tag(call: Call) -> None:
    """Add tags, or replace their values."""
    with call.records.database.write():
        function = function_of(call, "Resource")
        tags = retagged(function.doc["Tags"], call.request["Tags"])
        if len(tags) > LIMIT:
            raise invalid(f"A function has at most {LIMIT} tags; this one would have {len(tags)}.")
        call.records.update(function, {"Tags": tags})


@operation("lambda", "UntagResource")
def untag(call: Call) -> None:
    """Take tags off."""
    with call.records.database.write():
        function = function_of(call, "Resource")
        tags = retagged(function.doc["Tags"], gone=set(call.request["TagKeys"]))
        call.records.update(function, {"Tags": tags})


@operation("lambda", "ListTags")
def list_tags(call: Call) -> Document:
    """Answer a function's tags."""
    return {"Tags": tags_of(function_of(call, "Resource").doc["Tags"])}
