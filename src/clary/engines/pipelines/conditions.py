"""Whether a condition holds. evidence/pipeline-expressions.md"""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping

from clary.core.document import Document
from clary.engines.pipelines.expressions import Json, spelled
from clary.engines.pipelines.faults import Unresolved

Scalar = str | int | float | bool

ORDERED: Mapping[str, Callable[[Scalar, Scalar], bool]] = {
    "GreaterThan": operator.gt,
    "GreaterThanOrEqualTo": operator.ge,
    "LessThan": operator.lt,
    "LessThanOrEqualTo": operator.le,
}
MEMBERS: Mapping[str, tuple[str, ...]] = {
    "Equals": ("LeftValue", "RightValue"),
    **{name: ("LeftValue", "RightValue") for name in ORDERED},
    "In": ("QueryValue", "Values"),
    "Not": ("Condition",),
    "And": ("Conditions",),
    "Or": ("Conditions",),
}
"""What a condition of each type says."""


def holds(condition: Document, resolve: Callable[[Json], Json]) -> bool:
    """Say whether a condition holds; raises `Unresolved` where it compares what cannot be compared."""
    kind = condition["Type"]
    if kind == "Not":
        return not holds(condition["Condition"], resolve)
    if kind == "And":
        return all(holds(each, resolve) for each in condition["Conditions"])
    if kind == "Or":
        return any(holds(each, resolve) for each in condition["Conditions"])
    if kind == "In":
        asked = _scalar(condition["QueryValue"], resolve)
        values = [_scalar(each, resolve) for each in condition["Values"]]
        return any(sort(asked) == sort(each) and asked == each for each in values)
    left, right = _scalar(condition["LeftValue"], resolve), _scalar(condition["RightValue"], resolve)
    if sort(left) != sort(right):
        raise _incomparable(condition, left, right, "they are not of one type")
    if kind == "Equals":
        return left == right
    if isinstance(left, bool):
        raise _incomparable(condition, left, right, "truth values have no order")
    return ORDERED[kind](left, right)


def outcome(conditions: tuple[Document, ...], resolve: Callable[[Json], Json]) -> bool:
    """Say how a Condition step ends: True where all of its conditions hold."""
    return all(holds(each, resolve) for each in conditions)


def sort(value: Scalar) -> str:
    """Return what a value may be compared with: numbers with numbers, texts with texts."""
    if isinstance(value, bool):
        return "Boolean"
    return "Number" if isinstance(value, int | float) else "String"


def _scalar(value: Json, resolve: Callable[[Json], Json]) -> Scalar:
    found = resolve(value)
    if not isinstance(found, str | int | float | bool):
        raise Unresolved(
            spelled(value), f"a condition compares texts, numbers and truth values, not {found!r}"
        )
    return found


def _incomparable(condition: Document, left: Scalar, right: Scalar, why: str) -> Unresolved:
    said = f"{condition['Type']} of {spelled(condition['LeftValue'])} and {spelled(condition['RightValue'])}"
    return Unresolved(said, f"{left!r} ({sort(left)}) and {right!r} ({sort(right)}) do not compare: {why}")
