"""From the text of a filter's value to a condition, by the sort of the property."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

from clary.core.conditions import Condition, Number, Part, Some, Text
from clary.core.decimals import decimal
from clary.core.errors import ValidationError
from clary.engines.search.properties import Property
from clary.wire import timestamps

ORDERS = ("GreaterThan", "GreaterThanOrEqualTo", "LessThan", "LessThanOrEqualTo")

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = 1000  # Microseconds; as answers show times.
_SECOND = 1_000_000
_WHOLE = re.compile(r"[+-]?[0-9]{1,15}")


def equal(prop: Property, value: str) -> Condition:
    """Return the condition that a property has this value."""
    if prop.sort == "text":
        return Text(prop.name, (value,))
    if prop.sort == "truth":
        return _truth(prop, value)
    if prop.sort == "time":
        return _time(prop, "Equals", value)
    number = decimal(value)
    if prop.sort == "number":
        exact = _needed(prop, value, number)
        return Number(prop.name, exact, exact)
    if number is None:
        return Text(prop.name, (value,))
    if prop.sort == "choice":
        return Some((Number(prop.name, number, number), Text(prop.name, (value,))))
    return (
        _whole(prop, "Equals", int(value)) if _WHOLE.fullmatch(value) else Number(prop.name, number, number)
    )


def ordered(prop: Property, operator: str, value: str) -> Condition:
    """Return the condition that a property lies on one side of this value."""
    if prop.sort in ("text", "truth"):
        raise ValidationError(
            f"The operator {operator} compares numbers and times; it is not supported for the "
            f"{_NOUNS[prop.sort]} property {prop.name!r}."
        )
    if prop.sort == "time":
        return _time(prop, operator, value)
    number = _needed(prop, value, decimal(value))
    if prop.sort == "setting" and _WHOLE.fullmatch(value):
        return _whole(prop, operator, int(value))
    return _side(prop.name, operator, number)


def one_of(prop: Property, value: str) -> Condition:
    """Return the condition that a text is one of those between the commas."""
    _check_text(prop, "In")
    return Text(prop.name, tuple(dict.fromkeys(part.strip() for part in value.split(","))))


def containing(prop: Property, value: str) -> Condition:
    """Return the condition that a text contains this one."""
    _check_text(prop, "Contains")
    return Part(prop.name, value)


_NOUNS = {"text": "text", "truth": "Boolean", "number": "numeric", "time": "timestamp"}


def _check_text(prop: Property, operator: str) -> None:
    if prop.sort in ("number", "time", "truth"):
        raise ValidationError(
            f"The operator {operator} is only supported for text properties; {prop.name!r} is a "
            f"{_NOUNS[prop.sort]} one."
        )


def _side(name: str, operator: str, number: float) -> Number:
    closed = operator.endswith("OrEqualTo")
    if operator.startswith("Greater"):
        return Number(name, low=number, with_low=closed)
    return Number(name, high=number, with_high=closed)


def _whole(prop: Property, operator: str, value: int) -> Number:
    """Compare as integers: of a stored decimal the fraction does not count (evidence/search.md)."""
    name = prop.name
    if operator == "Equals":
        low, high = (value if value > 0 else value - 1), (value if value < 0 else value + 1)
        return Number(name, low, high, with_low=value > 0, with_high=value < 0)
    if operator == "GreaterThan":
        return Number(name, low=value + 1) if value >= 0 else Number(name, low=value, with_low=False)
    if operator == "GreaterThanOrEqualTo":
        return Number(name, low=value) if value > 0 else Number(name, low=value - 1, with_low=False)
    if operator == "LessThan":
        return Number(name, high=value, with_high=False) if value > 0 else Number(name, high=value - 1)
    return Number(name, high=value + 1, with_high=False) if value >= 0 else Number(name, high=value)


def _time(prop: Property, operator: str, value: str) -> Number:
    """Compare with times as answers show them, in milliseconds; one without a fraction equals its second."""
    try:
        at = (timestamps.from_text(value) - _EPOCH) // timedelta(microseconds=1)
    except ValueError as error:
        raise ValidationError(
            f"The value {value!r} for the timestamp property {prop.name!r} is not a time: it has the form "
            "YYYY-mm-dd'T'HH:MM:SS."
        ) from error
    floor = at - at % _MILLISECOND
    if operator == "Equals":
        long = _MILLISECOND if at % _SECOND else _SECOND
        return Number(prop.name, at, at + long, with_high=False)
    if operator == "GreaterThan":
        return Number(prop.name, low=floor + _MILLISECOND)
    if operator == "LessThanOrEqualTo":
        return Number(prop.name, high=floor + _MILLISECOND, with_high=False)
    ceiling = floor if floor == at else floor + _MILLISECOND
    if operator == "GreaterThanOrEqualTo":
        return Number(prop.name, low=ceiling)
    return Number(prop.name, high=ceiling, with_high=False)


def _truth(prop: Property, value: str) -> Number:
    if value.lower() not in ("true", "false"):
        raise ValidationError(
            f"The value {value!r} for the Boolean property {prop.name!r} must be true or false."
        )
    truth = float(value.lower() == "true")
    return Number(prop.name, truth, truth)


def _needed(prop: Property, value: str, number: float | None) -> float:
    if number is None:
        raise ValidationError(
            f"The value {value!r} for the numeric property {prop.name!r} must be an integer or a decimal."
        )
    return number
