"""Turns what /invocations accepts into a request of TensorFlow Serving's REST interface."""

from __future__ import annotations

import csv
import json
import re

from toolkit.contract import Json
from toolkit.server.messages import CSV, JSON, JSON_LINES, Refused

_READY = re.compile(r'"(?:instances|inputs|examples)"\s*:')


def request(body: bytes, media: str) -> str:
    """Return the JSON request that a body means; one that is no accepted type is refused with 415."""
    try:
        text = body.decode()
        if media == CSV:
            return json.dumps({"instances": _csv(text)})
        if media in ("", JSON, JSON_LINES, "application/jsons"):
            return text if _READY.search(text) else json.dumps({"instances": _instances(text)})
    except UnicodeDecodeError as wrong:
        raise Refused(415, f"The body is not {media}: it is not UTF-8 ({wrong}).") from wrong
    except (ValueError, RecursionError, csv.Error) as wrong:
        raise Refused(400, json.dumps({"error": f"The body is not {media or JSON}: {wrong}"})) from wrong
    raise Refused(415, json.dumps({"error": f"Unsupported Media Type: {media}"}))


def _instances(text: str) -> Json:
    """Read one JSON value, or several one after the other: rows as they are, one row as the only one."""
    decoder, position, found = json.JSONDecoder(), 0, list[Json]()
    while rest := text[position:].lstrip():
        position = len(text) - len(rest)
        value, position = decoder.raw_decode(text, position)
        found.append(value)
    if len(found) == 1 and isinstance(found[0], list) and isinstance((found[0] or [0])[0], list):
        return found[0]
    return found


def _csv(text: str) -> Json:
    rows = [row for row in csv.reader(text.splitlines()) if row]
    return [[_field(field) for field in row] if len(row) > 1 else _field(row[0]) for row in rows]


def _field(field: str) -> Json:
    try:
        return float(field)
    except ValueError:
        return field
