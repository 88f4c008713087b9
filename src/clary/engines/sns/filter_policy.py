"""Filter policies: which messages a subscription takes, by their attributes or by what their body says.

The operators and their limits: evidence/sns.md.
"""

from __future__ import annotations

import ipaddress
import json
import operator
import re
from collections.abc import Callable, Mapping
from functools import lru_cache
from math import prod

from clary.core.document import Document
from clary.engines.policy.pattern import Wild, glob

BY_ATTRIBUTES, BY_BODY = "MessageAttributes", "MessageBody"
SCOPES = (BY_ATTRIBUTES, BY_BODY)

_MOST_KEYS, _MOST_COMBINATIONS = 5, 150
_SIZES: Mapping[str, Callable[[float, float], bool]] = {
    "=": operator.eq,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}
_OR = "$or"
Value = object
"""A simple value out of JSON."""


class BadPolicy(Exception):
    """A text that is no filter policy; says why."""


@lru_cache(maxsize=1000)
def parse(text: str, scope: str) -> Document:
    """Return a filter policy, or raise BadPolicy."""
    try:
        policy = json.loads(text)
        if not isinstance(policy, dict):
            raise BadPolicy("FilterPolicy: it must be a JSON object.")
        rules = _rules(policy, nested=scope == BY_BODY)
    except (ValueError, RecursionError) as error:
        raise BadPolicy("FilterPolicy: failed to parse JSON.") from error
    if len({key for key, _ in rules}) > _MOST_KEYS:
        raise BadPolicy(f"FilterPolicy: Filter policy can not have more than {_MOST_KEYS} keys")
    if prod(max(count, 1) for _, count in rules) > _MOST_COMBINATIONS:
        raise BadPolicy("FilterPolicy: Filter policy is too complex")
    return policy


def takes(policy: Document, scope: str, body: str, attributes: Document) -> bool:
    """Say whether a message passes a parsed policy; one that is nested too deeply to be read does not."""
    if not policy:
        return True
    try:
        content = _of_attributes(attributes) if scope == BY_ATTRIBUTES else json.loads(body)
        return isinstance(content, dict) and _meets(policy, content)
    except (ValueError, RecursionError):
        return False


def _rules(policy: Document, *, nested: bool, path: str = "") -> list[tuple[str, int]]:
    """Check a policy and return how many values each of its keys has."""
    found: list[tuple[str, int]] = []
    for key, rule in policy.items():
        if key == _OR and _is_or(rule):
            for each in rule:
                found += _rules(each, nested=nested, path=path)
        elif isinstance(rule, dict):
            if not nested:
                raise BadPolicy(
                    "FilterPolicy: Filter policy scope MessageAttributes does not support nesting"
                )
            found += _rules(rule, nested=nested, path=f"{path}{key}.")
        elif isinstance(rule, list):
            if not rule:
                raise BadPolicy(f'FilterPolicy: "{key}" must have a value; an empty list matches nothing')
            for condition in rule:
                _check(key, condition)
            found.append((path + key, len(rule)))
        else:
            raise BadPolicy(f'FilterPolicy: "{key}" must be an object or an array')
    return found


def _is_or(rule: object) -> bool:
    return (
        isinstance(rule, list)
        and len(rule) > 1
        and all(isinstance(each, dict) and each for each in rule)
        and (not any(set(each) <= set(_OPERATORS) for each in rule))
    )


def _check(key: str, condition: object) -> None:
    if not isinstance(condition, dict):
        if isinstance(condition, list):
            raise BadPolicy(
                f'FilterPolicy: Match value of "{key}" must be String, number, true, false, or null'
            )
        return
    if len(condition) != 1:
        raise BadPolicy(f'FilterPolicy: "{key}": Only one key allowed in match expression')
    [(name, wanted)] = condition.items()
    if name not in _OPERATORS:
        raise BadPolicy(f'FilterPolicy: "{key}": Unrecognized match type {name}')
    if not _fits(name, wanted):
        raise BadPolicy(f'FilterPolicy: "{key}": {json.dumps(wanted)[:128]} is not what {name} compares with')


def _fits(name: str, wanted: object) -> bool:
    if name == "exists":
        return isinstance(wanted, bool)
    if name == "numeric":
        return isinstance(wanted, list) and _is_range(wanted)
    if name == "anything-but":
        if isinstance(wanted, dict):
            return len(wanted) == 1 and all(n in _INVERTED and _fits(n, each) for n, each in wanted.items())
        return wanted != [] and not any(isinstance(each, dict | list) for each in _listed(wanted))
    if name == "cidr":
        return isinstance(wanted, str) and _network(wanted) is not None
    return isinstance(wanted, str)


def _is_range(wanted: list[object]) -> bool:
    signs, numbers = wanted[::2], wanted[1::2]
    return (
        len(wanted) in (2, 4)
        and all(isinstance(sign, str) and sign in _SIZES for sign in signs)
        and all(_is_number(each) and abs(each) <= 1e9 for each in numbers)  # type: ignore[arg-type]  # numbers by now
        and (len(wanted) == 2 or (signs[0] in (">", ">=") and signs[1] in ("<", "<=")))
    )


def _meets(policy: Document, content: Document) -> bool:
    for key, rule in policy.items():
        if key == _OR and _is_or(rule):
            if not any(_meets(each, content) for each in rule):
                return False
        elif isinstance(rule, dict):
            if not any(_meets(rule, each) for each in _objects(content.get(key))):
                return False
        else:
            values = _flat(content[key]) if key in content else None
            if not any(_matches(condition, values) for condition in rule):
                return False
    return True


def _matches(condition: object, values: list[Value] | None) -> bool:
    """Say whether a value is as a condition wants it; None says that the key is not there."""
    if not isinstance(condition, dict):
        return values is not None and any(_same(condition, each) for each in values)
    [(name, wanted)] = condition.items()
    if name == "exists":
        return (values is not None) is bool(wanted)
    if name == "anything-but":
        return bool(values) and not any(_is_excluded(wanted, each) for each in values or ())
    return any(_OPERATORS[name](wanted, each) for each in values or ())


def _is_excluded(wanted: object, value: Value) -> bool:
    if isinstance(wanted, dict):
        return any(_OPERATORS[name](text, value) for name, one in wanted.items() for text in _listed(one))
    return any(_same(each, value) for each in _listed(wanted))


def _same(wanted: object, value: Value) -> bool:
    if _is_number(wanted) and _is_number(value):
        return bool(wanted == value)
    return type(wanted) is type(value) and wanted == value


def _of_attributes(attributes: Document) -> Document:
    """Return message attributes as a policy sees them; binary ones it does not."""
    content: Document = {}
    for name, attribute in attributes.items():
        kind, text = attribute["DataType"].partition(".")[0], attribute.get("StringValue")
        if text is None or kind == "Binary":
            continue
        if attribute["DataType"] == "String.Array":
            content[name] = _array(text)
        else:
            content[name] = float(text) if kind == "Number" else text
    return content


def _array(text: str) -> object:
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return text
    return found if isinstance(found, list) else text


def _flat(value: object) -> list[Value]:
    if isinstance(value, list):
        return [inner for each in value for inner in _flat(each)]
    return [] if isinstance(value, dict) else [value]


def _objects(value: object) -> list[Document]:
    if isinstance(value, list):
        return [inner for each in value for inner in _objects(each)]
    return [value] if isinstance(value, dict) else []


def _listed(value: object) -> list[object]:
    return value if isinstance(value, list) else [value]


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _prefix(wanted: object, value: Value) -> bool:
    return isinstance(value, str) and value.startswith(str(wanted))


def _suffix(wanted: object, value: Value) -> bool:
    return isinstance(value, str) and value.endswith(str(wanted))


def _wildcard(wanted: object, value: Value) -> bool:
    pieces = (Wild.ANY if part == "*" else part for part in re.split(r"(\*)", str(wanted)) if part)
    return isinstance(value, str) and glob(tuple(pieces), value)


def _caseless(wanted: object, value: Value) -> bool:
    return isinstance(value, str) and value.lower() == str(wanted).lower()


def _cidr(wanted: object, value: Value) -> bool:
    network = _network(str(wanted))
    try:
        return network is not None and isinstance(value, str) and ipaddress.ip_address(value) in network
    except ValueError:
        return False


def _numeric(wanted: object, value: Value) -> bool:
    if not isinstance(value, int | float) or isinstance(value, bool) or not isinstance(wanted, list):
        return False
    return all(_SIZES[sign](value, number) for sign, number in zip(wanted[::2], wanted[1::2], strict=True))


def _network(text: str) -> ipaddress.IPv4Network | ipaddress.IPv6Network | None:
    try:
        return ipaddress.ip_network(text, strict=False)
    except ValueError:
        return None


_INVERTED = ("prefix", "suffix", "wildcard", "equals-ignore-case")
_OPERATORS: Mapping[str, Callable[[object, Value], bool]] = {
    "prefix": _prefix,
    "suffix": _suffix,
    "wildcard": _wildcard,
    "equals-ignore-case": _caseless,
    "cidr": _cidr,
    "numeric": _numeric,
    "exists": _same,
    "anything-but": _same,
}
