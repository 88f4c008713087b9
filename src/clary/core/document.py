"""The one loosely typed thing: a request, a response or a record as the wire spells it."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

Document = dict[str, Any]
"""Members keep their PascalCase wire names. Times are aware UTC `datetime`s, blobs are `bytes`."""

_TIME = "$time"
_BYTES = "$bytes"


def dumps(document: Document) -> str:
    """Encode a document so that `loads` gives it back unchanged, times and bytes included."""
    return json.dumps(document, default=_encode, separators=(",", ":"), ensure_ascii=False)


def loads(text: str) -> Document:
    """Decode what `dumps` wrote."""
    decoded: Document = json.loads(text, object_hook=_decode)
    return decoded


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
    return value
