"""What a target is sent: the event, a part of it, a text of its own, or a template filled from it.

How variables stand in a template, quoted and not: evidence/events-targets.md.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping

from clary.core.document import Document
from clary.engines.events import paths
from clary.engines.events.paths import NOTHING

_VARIABLE = re.compile(r"<([\w.@-]+)>")
_RESERVED = (
    *("aws.events.rule-arn", "aws.events.rule-name", "aws.events.event"),
    *("aws.events.event.json", "aws.events.event.ingestion-time"),
)
_MOST = 100  # variables of a transformer


def body(target: Document, event: Document, rule: Mapping[str, str]) -> str:
    """Return what a target is sent of an event; `rule` has its arn, its name, and when it took the event."""
    if "Input" in target:
        return str(target["Input"])
    if "InputPath" in target:
        found = paths.find(target["InputPath"], event)
        return compact(None if found is NOTHING else found)
    if "InputTransformer" in target:
        return _filled(target["InputTransformer"], event, rule)
    return compact(event)


def fault(transformer: Document) -> str:
    """Return why a transformer cannot be used; "" where it can."""
    named: Mapping[str, str] = transformer.get("InputPathsMap") or {}
    if len(named) > _MOST:
        return f"InputPathsMap has {len(named)} variables; there may be {_MOST}."
    for name, path in named.items():
        if name.startswith("aws.") or name.startswith("AWS."):
            return f"The variable {name} of InputPathsMap may not begin with aws."
        if why := paths.fault(path):
            return f"Invalid JSON path for the variable {name}: {why}"
    used = set(_VARIABLE.findall(transformer["InputTemplate"]))
    unknown = used - named.keys() - set(_RESERVED)
    if unknown:
        return f"InputTemplate uses <{min(unknown)}>, which InputPathsMap does not define."
    return ""


def compact(value: object) -> str:
    """Return a value as JSON without blanks."""
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)


def _filled(transformer: Document, event: Document, rule: Mapping[str, str]) -> str:
    named: Mapping[str, str] = transformer.get("InputPathsMap") or {}
    values: dict[str, object] = {name: paths.find(path, event) for name, path in named.items()}
    values |= {
        "aws.events.rule-arn": rule["arn"],
        "aws.events.rule-name": rule["name"],
        "aws.events.event": {name: value for name, value in event.items() if name != "detail"},
        "aws.events.event.json": event,
        "aws.events.event.ingestion-time": rule["time"],
    }
    template: str = transformer["InputTemplate"]
    told, last = [], 0
    for match in _VARIABLE.finditer(template):
        before = template[last : match.start()]
        told.append(before)
        if match[1] in values:
            quoted = _within_quotes("".join(told))
            told.append(_spelt(values[match[1]], quoted=quoted))
        else:
            told.append(match[0])
        last = match.end()
    return "".join([*told, template[last:]])


def _spelt(value: object, *, quoted: bool) -> str:
    """Return a value as it stands in a template: within quotes without its own, else as JSON."""
    if value is NOTHING:
        return "" if quoted else '""'
    if not quoted:
        return compact(value)
    if isinstance(value, str):
        return compact(value)[1:-1]
    return compact(value).replace('"', "")


def _within_quotes(text: str) -> bool:
    """Say whether what comes behind a text of JSON stands within a string."""
    return len(re.findall(r'(?<!\\)(?:\\\\)*"', text)) % 2 == 1
