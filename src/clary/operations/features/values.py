"""Feature values against their definitions, event times, and times to live."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from decimal import Decimal, InvalidOperation

from clary.core.document import Document
from clary.core.errors import ApiError

Value = str | list[str]

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_TIME = re.compile(r"[0-9]{4}(-[0-9]{2}){2}T[0-9]{2}(:[0-9]{2}){2}(\.[0-9]{1,9})?Z")
_INTEGRAL = re.compile(r"[+-]?[0-9]{1,19}")
_LIMITS = (-(2**63), 2**63 - 1)
_FARTHEST = Decimal(9_000_000_000_000)  # seconds from 1970: as microseconds they fit in 63 bits
_UNITS = {"Seconds": 1, "Minutes": 60, "Hours": 3600, "Days": 86_400, "Weeks": 604_800}


class Invalid(ApiError):
    """A request the feature store refuses; its runtime has a code of its own for it."""

    code = "ValidationError"
    status = 400


def checked(given: list[Document], definitions: dict[str, Document]) -> dict[str, Value]:
    """Return feature values by name; a null value is left out, one that is none of its type is refused."""
    values: dict[str, Value] = {}
    seen: set[str] = set()
    for each in given:
        name = each["FeatureName"]
        if name not in definitions:
            raise Invalid(f"Validation Error: FeatureName {name!r} does not exist in the feature group.")
        if name in seen:
            raise Invalid(f"Validation Error: FeatureName {name!r} is given more than once.")
        seen.add(name)
        value = _value(each, definitions[name])
        if value is not None:
            values[name] = value
    return values


def event_micros(text: Value | None, kind: str) -> int:
    """Return an event time in microseconds since 1970: ISO 8601 in UTC for a String, seconds otherwise."""
    if not isinstance(text, str):
        raise Invalid("Validation Error: the record has no event time.")
    if kind == "Fractional":
        seconds = _decimal(text)
        if seconds is None or abs(seconds) > _FARTHEST:
            raise Invalid(f"Validation Error: the event time {text!r} is no Unix timestamp in seconds.")
        return int(seconds * 1_000_000)
    try:
        moment = datetime.fromisoformat(text) if _TIME.fullmatch(text) else None
    except ValueError:
        moment = None
    if moment is None:
        raise Invalid(
            f"Validation Error: the event time {text!r} is not like yyyy-MM-dd'T'HH:mm:ssZ or "
            "yyyy-MM-dd'T'HH:mm:ss.SSSZ."
        )
    return (moment - _EPOCH) // timedelta(microseconds=1)


def expiry(event: int, ttl: Document | None) -> int | None:
    """Return when a record expires, in microseconds since 1970; None for never."""
    if not ttl:
        return None
    latest: int = min(event + ttl["Value"] * _UNITS[ttl["Unit"]] * 1_000_000, _LIMITS[1])
    return latest


def iso(microseconds: int) -> str:
    """Return a time as answers spell it; one beyond the calendar as the calendar's end."""
    last = datetime.max.replace(tzinfo=UTC)
    try:
        moment = _EPOCH + timedelta(microseconds=microseconds)
    except OverflowError:
        moment = last
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def _value(given: Document, definition: Document) -> Value | None:
    name, collection = definition["FeatureName"], definition.get("CollectionType")
    many, one = given.get("ValueAsStringList"), given.get("ValueAsString")
    if collection is None:
        if many is not None:
            raise Invalid(f"Validation Error: {name!r} is no collection: give ValueAsString.")
        return None if one is None else _typed(one, definition)
    if one is not None:
        raise Invalid(f"Validation Error: {name!r} is a {collection}: give ValueAsStringList.")
    if many is None:
        return None
    if collection == "Vector":
        dimension = definition["CollectionConfig"]["VectorConfig"]["Dimension"]
        if len(many) != dimension:
            raise Invalid(f"Validation Error: {name!r} has {len(many)} elements; it must have {dimension}.")
    typed = [_typed(each, definition) for each in many]
    return list(dict.fromkeys(typed)) if collection == "Set" else typed


def _typed(text: str, definition: Document) -> str:
    kind, name = definition["FeatureType"], definition["FeatureName"]
    if kind == "Integral":
        right = bool(_INTEGRAL.fullmatch(text)) and _LIMITS[0] <= int(text) <= _LIMITS[1]
    else:
        right = kind == "String" or _decimal(text) is not None
    if not right:
        raise Invalid(f"Validation Error: {text[:80]!r} of {name!r} is not {kind}.")
    return text


def _decimal(text: str) -> Decimal | None:
    try:
        number = Decimal(text)
    except InvalidOperation:
        return None
    return number if number.is_finite() else None
