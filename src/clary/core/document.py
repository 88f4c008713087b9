"""The one loosely typed thing: a request, a response or a record as the wire spells it."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

Document = dict[str, Any]
"""Members keep their PascalCase wire names. Times are aware UTC `datetime`s, blobs are `bytes`."""

_TIME = "$time"
_BYTES = "$bytes"
_OPENING = '{"$'  # How every mark begins, and nothing inside a string: there the quote is escaped.


def dumps(document: Document) -> str:
    """Encode a document so that `loads` gives it back unchanged, times and bytes included."""
    marked = 0

    def mark(value: object) -> object:
        nonlocal marked
        marked += 1
        return _encode(value)

    text = json.dumps(document, default=mark, separators=(",", ":"), ensure_ascii=False)
    if text.count(_OPENING) != marked:  # a map of the user's own that looks like one of our marks
        text = json.dumps(_escaped(document), default=_encode, separators=(",", ":"), ensure_ascii=False)
    return text


def loads(text: str) -> Document:
    """Decode what `dumps` wrote."""
    decoded: Document = _DECODER.decode(text)
    return decoded


def filled(doc: Document, path: str, value: object) -> Document:
    """Return the document with `value` at the dotted path where it has none, in each element of a list.

    Structures on the way must be there.
    """
    member, _, rest = path.partition(".")
    within = doc.get(member)
    if not rest:
        return doc if within is not None else {**doc, member: value}
    if isinstance(within, dict):
        return {**doc, member: filled(within, rest, value)}
    if isinstance(within, list):
        inner = [filled(item, rest, value) if isinstance(item, dict) else item for item in within]
        return {**doc, member: inner}
    return doc


def _escaped(value: object) -> object:
    if isinstance(value, dict):
        alone = len(value) == 1
        return {f"${k}" if alone and k.startswith("$") else k: _escaped(v) for k, v in value.items()}
    return [_escaped(item) for item in value] if isinstance(value, list | tuple) else value


def _encode(value: object) -> object:
    if isinstance(value, datetime):
        return {_TIME: value.astimezone(UTC).isoformat(timespec="microseconds")}
    if isinstance(value, bytes):
        return {_BYTES: value.hex()}
    raise TypeError(f"a document cannot hold a {type(value).__name__}")


def _decode(value: Document) -> object:
    if len(value) == 1:
        if _TIME in value:
            return datetime.fromisoformat(value[_TIME])
        if _BYTES in value:
            return bytes.fromhex(value[_BYTES])
        name = next(iter(value))
        if name.startswith("$$"):
            return {name[1:]: value[name]}
    return value


_DECODER = json.JSONDecoder(object_hook=_decode)  # made once: making it costs as much as a short text
