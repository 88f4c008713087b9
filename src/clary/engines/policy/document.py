"""A policy document as data, ready to be evaluated many times."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from clary.engines.policy.pattern import Pattern

Qualifier = Literal["", "forallvalues", "foranyvalue"]


@dataclass(frozen=True)
class Condition:
    """One operator on one key; `operator` and `key` are in lower case, without qualifier and `IfExists`."""

    operator: str
    key: str
    values: tuple[Pattern, ...]
    qualifier: Qualifier = ""
    if_exists: bool = False


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


@dataclass(frozen=True, kw_only=True)
class Policy:
    """A parsed document; `name` and `source` (an IAM policy source type) are repeated in what matched."""

    statements: tuple[Statement, ...]
    name: str = ""
    source: str = "none"
