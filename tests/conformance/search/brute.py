"""A second implementation of Search, written from the API reference: it looks at every document in turn."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

Doc = dict[str, Any]
ORDERS: dict[str, Callable[[Any, Any], bool]] = {
    "GreaterThan": lambda a, b: a > b,
    "GreaterThanOrEqualTo": lambda a, b: a >= b,
    "LessThan": lambda a, b: a < b,
    "LessThanOrEqualTo": lambda a, b: a <= b,
}


def meets(doc: Doc, expression: Doc) -> bool:
    """Tell whether a document satisfies an expression."""
    verdicts = [holds(doc, one) for one in expression.get("Filters", [])]
    for nested in expression.get("NestedFilters", []):
        name = nested["NestedPropertyName"]
        inner = [{**one, "Name": one["Name"].removeprefix(f"{name}.")} for one in nested["Filters"]]
        elements = doc.get(name, [])
        verdicts.append(any(all(holds(element, one) for one in inner) for element in elements))
    verdicts += [meets(doc, one) for one in expression.get("SubExpressions", [])]
    return any(verdicts) if expression.get("Operator") == "Or" else all(verdicts)


def holds(doc: Doc, asked: Doc) -> bool:
    """Tell whether a document satisfies one filter."""
    name, value = asked["Name"], asked.get("Value")
    operator = asked.get("Operator", "Exists" if value is None else "Equals")
    found = [one for one in values(doc, name) if one is not None]
    if operator in ("Exists", "NotExists"):
        return bool(found) is (operator == "Exists")
    assert value is not None
    if operator == "NotEquals":
        return not any(equal(name, one, value) for one in found)
    if operator == "Equals":
        return any(equal(name, one, value) for one in found)
    if operator == "In":
        return any(one in value.split(",") for one in found)
    if operator == "Contains":
        return any(value in one for one in found)
    return any(ordered(name, one, operator, value) for one in found)


def values(doc: Doc, name: str) -> Iterator[Any]:
    """Yield what a property's name leads to; lists on the way are gone through."""
    head, _, rest = name.partition(".")
    if not rest:
        yield from _within(doc.get(head), "")
    elif head == "Tags":
        yield from (tag["Value"] for tag in doc.get("Tags", []) if tag["Key"] == rest)
    elif head == "Metrics":
        yield from (m["Value"] for m in doc.get("FinalMetricDataList", []) if m["MetricName"] == rest)
    elif head == "HyperParameters":
        yield doc.get("HyperParameters", {}).get(rest)
    else:
        yield from _within(doc.get(head), rest)


def order(doc: Doc, name: str) -> Any:
    """Return what a document is sorted by, None for nothing."""
    value = next(iter(values(doc, name)), None)
    if head_is_setting(name) and value is not None:
        number = decimal(value)
        return ("b", value) if number is None else ("a", number)
    return None if value is None else ("a", value)


def equal(name: str, stored: Any, value: str) -> bool:
    """Compare as the property's type says."""
    if isinstance(stored, bool):
        return stored == (value.lower() == "true")
    if isinstance(stored, datetime):
        asked = moment(value)
        return bool(stored == asked) or (asked.microsecond == 0 and stored.replace(microsecond=0) == asked)
    if isinstance(stored, int | float):
        return stored == float(value)
    if head_is_setting(name) and decimal(value) is not None:
        number = decimal(stored)
        return number is not None and bool(fitted(number, value) == float(value))
    return bool(stored == value)


def ordered(name: str, stored: Any, operator: str, value: str) -> bool:
    """Compare numbers and times."""
    if isinstance(stored, datetime):
        return ORDERS[operator](stored, moment(value))
    if head_is_setting(name):
        number = decimal(stored)
        return number is not None and ORDERS[operator](fitted(number, value), float(value))
    return ORDERS[operator](stored, float(value))


def head_is_setting(name: str) -> bool:
    """Tell a hyperparameter, whose text may read as a number."""
    return name.startswith("HyperParameters.")


def fitted(number: float, value: str) -> float:
    """Treat a decimal as an integer where it is compared with one."""
    return float(int(number)) if value.lstrip("+-").isdigit() else number


def decimal(text: str) -> float | None:
    """Read a number."""
    try:
        return float(text)
    except ValueError:
        return None


def moment(value: str) -> datetime:
    """Read a time; without a zone it is UTC."""
    at = datetime.fromisoformat(value)
    return at.replace(tzinfo=UTC) if at.tzinfo is None else at


def _within(value: Any, rest: str) -> Iterator[Any]:
    if isinstance(value, list):
        for one in value:
            yield from _within(one, rest)
    elif not rest:
        yield value
    elif isinstance(value, dict):
        head, _, more = rest.partition(".")
        yield from _within(value.get(head), more)
