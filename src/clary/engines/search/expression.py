"""From a SearchExpression to one condition: every name, operator, value and limit is checked on the way."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from botocore.model import StructureShape

from clary.core.conditions import All, Condition, Element, Not, Present, Some
from clary.core.document import Document
from clary.core.errors import ValidationError
from clary.engines.search import values
from clary.engines.search.properties import Property, find, inside

LONGEST = 50  # Filters, nested filters and subexpressions, all levels together.

_EXISTENCE = ("Exists", "NotExists")
_CONTAINS_FREELY = {
    f"{what}.{name}"
    for what, names in {
        "Experiment": ("DisplayName", "ExperimentName", "Tags"),
        "ExperimentTrial": ("DisplayName", "TrialName", "Tags"),
        "ExperimentTrialComponent": (
            "DisplayName",
            "TrialComponentName",
            "Tags",
            "InputArtifacts",
            "OutputArtifacts",
        ),
    }.items()
    for name in names
}
"""Properties that any number of Contains may ask of in strict mode (evidence/search.md)."""


@dataclass(frozen=True)
class Grammar:
    """What may be said of one resource type: its name and the shape of its answers."""

    what: str
    shape: StructureShape
    strict: bool = False
    _spent: list[str] = field(default_factory=list)

    def condition(self, expression: Document) -> Condition:
        """Return the condition that an expression states, or refuse it."""
        self._spent.clear()
        made = self._expression(expression)
        limited = [name for name in self._spent if f"{self.what}.{name}" not in _CONTAINS_FREELY]
        if self.strict and len(limited) > 1:
            raise ValidationError("'CONTAINS' operator usage limit of 1 exceeded.")
        return made

    def order(self, name: str) -> str:
        """Return the stored name that SortBy means."""
        prop = find(self.shape, name, self.what)
        if prop.sort == "group" or prop.depth:
            raise ValidationError(f"SortBy is {name!r}, which has no single value to sort {self.what} by.")
        return prop.name

    def _expression(self, expression: Document) -> Condition:
        _check_size(expression)
        parts = list(self._parts(expression))
        return Some(tuple(parts)) if expression.get("Operator") == "Or" else All(tuple(parts))

    def _parts(self, expression: Document) -> Iterator[Condition]:
        for one in expression.get("Filters", ()):
            yield self._filter(one, find(self.shape, one["Name"], self.what))
        for nested in expression.get("NestedFilters", ()):
            yield self._nested(nested["NestedPropertyName"], nested["Filters"])
        for inner in expression.get("SubExpressions", ()):
            yield self._expression(inner)

    def _nested(self, name: str, filters: Sequence[Document]) -> Condition:
        outer = find(self.shape, name, self.what)
        if outer.sort != "group" or not outer.depth or outer.name == "Tags":
            raise ValidationError(f"NestedPropertyName is {name!r}, which is not a list of structures.")
        parts = [self._filter(one, inside(self.shape, outer.name, one["Name"], self.what)) for one in filters]
        return Element(outer.name, outer.depth, tuple(parts))

    def _filter(self, asked: Document, prop: Property) -> Condition:
        value = asked.get("Value")
        operator = asked.get("Operator") or ("Exists" if value is None else "Equals")
        if operator in _EXISTENCE:
            return Present(prop.name) if operator == "Exists" else Not(Present(prop.name))
        if value is None:
            raise ValidationError(
                f"The filter on {asked['Name']!r} needs a Value for the operator {operator}."
            )
        if prop.sort == "group":
            raise ValidationError(
                f"The property {asked['Name']!r} holds other properties: name one within it, or ask whether "
                "it Exists or NotExists."
            )
        if operator == "Contains":
            self._spent.append(prop.name.partition(".")[0])
            return values.containing(prop, value)
        if operator == "In":
            return values.one_of(prop, value)
        if operator in values.ORDERS:
            return values.ordered(prop, operator, value)
        same = values.equal(prop, value)
        return Not(same) if operator == "NotEquals" else same


def _check_size(expression: Document) -> None:
    """Refuse an expression without conditions, and one with more than the service takes."""
    waiting, count = [expression], 0
    while waiting:
        one = waiting.pop()
        nested, inner = one.get("NestedFilters", ()), one.get("SubExpressions", ())
        parts = len(one.get("Filters", ())) + len(nested) + len(inner)
        if not parts:
            raise ValidationError(
                "A SearchExpression must have at least one of Filters, NestedFilters and SubExpressions."
            )
        count += parts + sum(len(each["Filters"]) for each in nested)
        if count > LONGEST:
            raise ValidationError(
                f"The SearchExpression has more than {LONGEST} filters, nested filters and subexpressions."
            )
        waiting += inner
