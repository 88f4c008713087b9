"""A policy document as data, ready to be evaluated many times."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

from clary.engines.policy.conditions import Check, compiled
from clary.engines.policy.pattern import Context, Pattern

Qualifier = Literal["", "forallvalues", "foranyvalue"]


@dataclass(frozen=True)
class Condition:
    """One operator on one key; `operator` and `key` are in lower case, without qualifier and `IfExists`."""

    operator: str
    key: str
    values: tuple[Pattern, ...]
    qualifier: Qualifier = ""
    if_exists: bool = False

    @cached_property
    def check(self) -> Check:
        """The function that decides it."""
        return compiled(self)


@dataclass(frozen=True, kw_only=True)
class Statement:
    """One statement. `other_*` says that the list names what is *not* meant (NotAction and so on)."""

    sid: str
    effect: Literal["Allow", "Deny"]
    actions: tuple[Pattern, ...]
    other_actions: bool = False
    resources: tuple[Pattern, ...] | None = None
    other_resources: bool = False
    principals: tuple[tuple[str, str], ...] | None = None
    other_principals: bool = False
    conditions: tuple[Condition, ...] = ()

    @cached_property
    def on(self) -> Callable[[str], bool] | None:
        """Whether one of the resource patterns fits, None where that depends on more than the resource."""
        patterns = self.resources or ()
        tests = [pattern.test for pattern in patterns if pattern.test is not None]
        if len(tests) < len(patterns):
            return None
        if len(tests) == 1:
            return tests[0]
        if len(tests) == 2:
            one, other = tests
            return lambda resource: one(resource) or other(resource)
        return lambda resource: any(test(resource) for test in tests)

    def fits(self, resource: str, context: Context) -> bool:
        """Say whether one of the resource patterns fits."""
        return any(pattern.matches(resource, context) for pattern in self.resources or ())


@dataclass(frozen=True, kw_only=True)
class Policy:
    """A parsed document; `name` and `source` (an IAM policy source type) are repeated in what matched."""

    statements: tuple[Statement, ...]
    name: str = ""
    source: str = "none"
