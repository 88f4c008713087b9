"""What the properties of a resource type are: read from the shape in which Search answers it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from botocore.model import ListShape, MapShape, Shape, StructureShape

from clary.core.errors import ValidationError

Sort = Literal["text", "number", "time", "truth", "setting", "choice", "group"]
"""Sorts of values. A setting is a text that may read as a number, a choice is a text or a number, a group
is a structure, list or map, which can only exist or not."""

STATISTICS = ("Avg", "Count", "Last", "Max", "Min", "StdDev")

_SORTS: Mapping[str, Sort] = {
    "string": "text",
    "integer": "number",
    "long": "number",
    "float": "number",
    "double": "number",
    "timestamp": "time",
    "boolean": "truth",
}
_CHOICE = {"NumberValue", "StringValue"}


@dataclass(frozen=True)
class Property:
    """One property: its name in the index, what its values are, and how many lists lead to it."""

    name: str
    sort: Sort
    depth: int


def find(shape: StructureShape, name: str, what: str) -> Property:
    """Return the property that a caller means; one that `what` does not have is refused.

    Members are found in any case, as SDK examples sort by `metrics.loss.max`; keys of maps only in their own.
    """
    head, _, rest = name.partition(".")
    known = {member.lower(): member for member in shape.members}
    if head.lower() == "tags" and "tags" in known and rest:
        return Property(f"Tags.{rest}", "text", 0)
    if head.lower() == "metrics" and rest:
        if "finalmetricdatalist" in known:
            return Property(f"Metrics.{rest}", "number", 0)
        if "metrics" in known:
            return Property(f"Metrics.{_statistic(rest)}", "number", 0)
    found = _within(shape, name, "", 0)
    if found is None:
        raise ValidationError(
            f"The property {name!r} is not one of {what}. Properties are the members that Search answers, "
            f"such as {next(iter(shape.members))}, and those within, with dots between."
        )
    return found


def inside(shape: StructureShape, outer: str, name: str, what: str) -> Property:
    """Return a property in the elements of a list, whose name has the list's in front."""
    found = _within(shape, name, "", 0)
    if found is None or not name.lower().startswith(f"{outer.lower()}."):
        raise ValidationError(
            f"The property {name!r} is not one of {what}'s {outer}: in its NestedFilters, names have the "
            f"form {outer}.<member>."
        )
    return found


def _within(shape: Shape, name: str, path: str, depth: int) -> Property | None:
    """Walk down a shape by the parts of a name; lists on the way are entered without being named."""
    if isinstance(shape, ListShape):
        return _within(shape.member, name, path, depth + 1)
    if isinstance(shape, MapShape) and name:
        return _keyed(shape.value, name, path, depth)
    if isinstance(shape, StructureShape) and name:
        head, _, rest = name.partition(".")
        for member, inner in shape.members.items():
            if member.lower() == head.lower():
                return _within(inner, rest, f"{path}.{member}" if path else member, depth)
        return None
    if not name:
        return Property(path, _SORTS.get(shape.type_name, "group"), depth)
    return None


def _keyed(value: Shape, key: str, path: str, depth: int) -> Property | None:
    """Return the property under one key of a map; keys may have dots themselves."""
    if not isinstance(value, StructureShape):
        sort: Sort = "setting" if path == "HyperParameters" else _SORTS.get(value.type_name, "group")
        return Property(f"{path}.{key}", sort, depth)
    known = {member.lower(): member for member in value.members}
    front, _, last = key.rpartition(".")
    if set(value.members) == _CHOICE:
        return Property(f"{path}.{front if front and last.lower() in known else key}", "choice", depth)
    if front and last.lower() in known:
        return Property(f"{path}.{front}.{known[last.lower()]}", "text", depth)
    return Property(f"{path}.{key}.Value", "text", depth) if "Value" in value.members else None


def _statistic(name: str) -> str:
    """Return a metric and its statistic in the index's spelling; without one the last value is meant."""
    metric, _, last = name.rpartition(".")
    spelt = {statistic.lower(): statistic for statistic in STATISTICS}
    if metric and last.lower() in spelt:
        return f"{metric}.{spelt[last.lower()]}"
    return f"{name}.Last"
