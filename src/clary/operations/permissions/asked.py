"""What a request answers to condition keys, in the words a policy uses."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from datetime import datetime
from functools import cache

from clary.core.document import Document
from clary.operations.permissions.context import Values
from clary.operations.permissions.places import Place
from clary.operations.permissions.plan import Plan, declarations
from clary.operations.permissions.table import names
from clary.resources.spec import Resource
from clary.store.records import Records


def context(plan: Plan, found: Iterable[tuple[Place, object]], request: Document, records: Records) -> Values:
    """Return every condition key that the operation's action has and the request says something about."""
    asked: dict[str, list[str]] = {}
    for place, value in found:
        for key in plan.keys.get(place, ()):
            for name, text in _answers(key, place, value, request, records):
                asked.setdefault(name, []).append(text)
    fixed = names()["constants"].get(plan.operation, {})
    return {
        **{name: (text,) for name, text in fixed.items()},
        **{name: tuple(dict.fromkeys(texts)) for name, texts in asked.items()},
    }


def text_of(value: object) -> str:
    """Return a value as policies spell it."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return value.isoformat() if isinstance(value, datetime) else str(value)


def _answers(
    key: str, place: Place, value: object, request: Document, records: Records
) -> Iterator[tuple[str, str]]:
    name = key.partition("${")[0].lower()
    if name != key.lower():  # a key for each name of the caller's choice
        pairs = value if isinstance(value, dict) else {}
        listed = {pairs["Key"]: pairs.get("Value", "")} if _is_pair(place, pairs) else pairs
        yield from ((f"{name}{str(part).lower()}", text_of(item)) for part, item in listed.items())
    elif pattern := names()["extracts"].get(key):
        if match := re.search(str(pattern), str(value)):
            yield name, match[1]
    elif place.kind in ("structure", "map"):
        yield name, "true"
    elif (kind := _named_by(key, place)) and not str(value).startswith("arn:"):
        yield name, records.arn(kind, {**request, kind.key()[-1]: value})
    else:
        yield name, text_of(value)


def _is_pair(place: Place, value: Document) -> bool:
    return place.kind == "structure" and "Key" in value


@cache
def _named_by(key: str, place: Place) -> Resource | None:
    """Return the kind whose ARN a key asks for where the request says its name."""
    if not place.member.endswith("Name"):
        return None
    prefix, _, wanted = key.partition(":")
    wanted = re.sub(r"Arns?$", "", wanted)
    kinds = [kind for (of, _), kind in declarations().items() if of == prefix and wanted.endswith(kind.kind)]
    return max(kinds, key=lambda kind: len(kind.kind), default=None)
