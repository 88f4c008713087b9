"""Pages of lists that are computed whole rather than read from an index."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TypeVar

from clary.core.document import dumps
from clary.core.errors import ValidationError
from clary.operations.registry import Call
from clary.store.tokens import Tokens

Item = TypeVar("Item")
_TOKENS = ("NextToken", "nextToken", "PaginationToken", "Marker")
PAGING = (*_TOKENS, "MaxResults", "maxResults", "limit", "MaxItems")
_PLAIN, _BACK = str.maketrans("-_", "+/"), str.maketrans("+/", "-_")  # Some services allow no other letters.


def cut(
    call: Call, items: Iterable[tuple[str, Item]], limit: int, token: str | None, *, refused: str = ""
) -> tuple[list[Item], str | None]:
    """Return one page of (key, item) pairs in order of their keys, and the next page's token.

    What comes and goes meanwhile shifts nothing: the token says which key came last. `refused` is the
    service's own error code for a token that is not the server's or not this request's.
    """
    asked = {name: value for name, value in call.request.items() if name not in PAGING}
    said = dumps({"of": [call.service, call.operation, call.account, call.region], "asked": asked})
    tokens = Tokens(call.records.database, call.clock, said)
    ordered = sorted(items, key=lambda pair: pair[0])
    if token is not None:
        try:
            [after] = tokens.open(token.translate(_BACK))
        except ValidationError as error:
            called = next(name for name in _TOKENS if name in call.request)
            message = error.message.replace("NextToken", called)
            raise ValidationError(message, code=refused or None) from error
        ordered = [pair for pair in ordered if pair[0] > str(after)]
    page = ordered[:limit]
    more = tokens.seal([page[-1][0]]).translate(_PLAIN) if len(ordered) > limit else None
    return [item for _, item in page], more
