"""Conditions on what a record holds: what Search asks for, in the form in which the store answers it.

A `name` is the dotted path of a property in the record, map keys and tag keys included; members of list
elements have the list's name in front.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Text:
    """A text of that name is one of `values`."""

    name: str
    values: tuple[str, ...]


@dataclass(frozen=True)
class Part:
    """A text of that name contains `value`, in the same case."""

    name: str
    value: str


@dataclass(frozen=True)
class Number:
    """A number of that name lies between two bounds; times are microseconds, truth values 0 and 1."""

    name: str
    low: float | None = None
    high: float | None = None
    with_low: bool = True
    with_high: bool = True


@dataclass(frozen=True)
class Present:
    """There is something of that name, or within it."""

    name: str


@dataclass(frozen=True)
class Not:
    """The condition does not hold."""

    condition: Condition


@dataclass(frozen=True)
class All:
    """Every condition holds."""

    conditions: tuple[Condition, ...]


@dataclass(frozen=True)
class Some:
    """At least one condition holds."""

    conditions: tuple[Condition, ...]


@dataclass(frozen=True)
class Element:
    """One element of the list of that name meets every condition; `depth` counts the lists down to it."""

    name: str
    depth: int
    conditions: tuple[Condition, ...]


Condition = Text | Part | Number | Present | Not | All | Some | Element
