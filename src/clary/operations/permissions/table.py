"""What AWS documents of a service's actions: the resources they act on, and what conditions may ask.

The tables lie in `data/`, one a service prefix, and are written by `generate`; names.json is kept by hand.
What the documentation leaves open: evidence/permission-data.md.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache, cached_property
from importlib.resources import files

from clary.core.document import Document
from clary.wire import models

_DATA = files("clary.operations.permissions") / "data"
_VARIABLE = re.compile(r"\$\{(\w+)\}")


@dataclass(frozen=True)
class ResourceType:
    """One kind of thing a policy can name; `arn` has its variables as `${Name}`."""

    name: str
    arn: str

    @cached_property
    def tail(self) -> str:
        """The ARN's resource part."""
        return self.arn.split(":", 5)[5]

    @cached_property
    def variables(self) -> tuple[str, ...]:
        """The variables of the resource part, in order."""
        return tuple(_VARIABLE.findall(self.tail))

    @cached_property
    def skeleton(self) -> str:
        """The resource part with every variable as `{}`, so that it can be held beside a declaration."""
        return _VARIABLE.sub("{}", self.tail)

    @cached_property
    def literal(self) -> int:
        """How much of the resource part is fixed: the more, the more exactly the type is meant."""
        return len(self.skeleton.replace("{}", ""))

    def fits(self, arn: str) -> bool:
        """Say whether an ARN may name such a resource."""
        return self._shape.fullmatch(arn) is not None

    def covers(self, skeleton: str) -> bool:
        """Say whether every resource of a declared ARN's skeleton is one of this type."""
        head = _VARIABLE.sub("x", self.arn.removesuffix(self.tail))
        return self.fits(head + skeleton.replace("{}", "x"))

    @cached_property
    def _shape(self) -> re.Pattern[str]:
        head, tail = self.arn.split(":", 5)[:5], self.tail
        pieces = [".+" if index % 2 else re.escape(text) for index, text in enumerate(_VARIABLE.split(tail))]
        return re.compile(":".join(_VARIABLE.sub("[^:]*", part) for part in head) + ":" + "".join(pieces))


@dataclass(frozen=True)
class Action:
    """One action: its resource types (True for required ones) and the condition keys it answers."""

    name: str
    on: Mapping[str, bool]
    keys: tuple[str, ...]


@dataclass(frozen=True)
class Table:
    """Everything documented of one service prefix; an unknown service has an empty table."""

    prefix: str
    actions: Mapping[str, Action]
    types: Mapping[str, ResourceType]
    keys: Mapping[str, str]


@cache
def prefix_of(service: str) -> str:
    """Return what actions of a service begin with: nearly always the name it is signed with."""
    signed = models.service(service).signing_name
    return str(names()["prefixes"].get(signed, signed))


@cache
def names() -> Mapping[str, Document]:
    """Return what is kept by hand, where names do not line up."""
    found: Mapping[str, Document] = json.loads((_DATA / "names.json").read_text())
    return found


def actions_of(service: str, operation: str) -> tuple[str, ...]:
    """Return the names of the actions an operation stands for, the first one first; mostly its own."""
    prefix = prefix_of(service)
    listed = names()["actions"].get(prefix, {}).get(operation, operation)
    return (listed,) if isinstance(listed, str) else tuple(listed)


@cache
def table(prefix: str) -> Table:
    """Return the table of one service prefix, read when it is first asked for."""
    path = _DATA / f"{prefix}.json"
    raw = json.loads(path.read_text()) if path.is_file() else {"actions": {}, "types": {}, "keys": {}}
    arns = {**raw["types"], **names()["types"].get(prefix, {})}
    return Table(
        prefix,
        {name: _action(name, said) for name, said in raw["actions"].items()},
        {name: ResourceType(name, arn) for name, arn in arns.items()},
        raw["keys"],
    )


def _action(name: str, said: list[str]) -> Action:
    on, keys = said
    types = {text.removesuffix("!"): text.endswith("!") for text in on.split()}
    return Action(name, types, tuple(keys.split()))
