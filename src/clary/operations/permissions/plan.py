"""What one operation needs, worked out once from the data, the service model and the declarations."""

from __future__ import annotations

import re
import string
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache, cached_property

from clary.operations.permissions import conditions
from clary.operations.permissions.places import Node, Place, places, tree
from clary.operations.permissions.table import Action, ResourceType, actions_of, names, prefix_of, table
from clary.resources import registry
from clary.resources.spec import Resource


@dataclass(frozen=True)
class Kind:
    """One documented resource type, beside the declaration of the same ARN where there is one."""

    type: ResourceType
    required: bool
    declared: Resource | None

    @cached_property
    def members(self) -> tuple[str, ...]:
        """The request members its ARN is made of, in order."""
        if self.declared is None:
            return tuple(name.removesuffix("WithPath") for name in self.type.variables)
        return members_of(self.declared)


@dataclass(frozen=True)
class Plan:
    """An operation's action, the resources it may act on, and what to read from a request."""

    service: str
    operation: str
    action: str
    documented: bool
    kinds: tuple[Kind, ...]
    keys: Mapping[Place, tuple[str, ...]]
    mentions: frozenset[str]
    tagging: str
    root: Node

    @property
    def prefix(self) -> str:
        """The service prefix."""
        return self.action.partition(":")[0]

    @property
    def creates(self) -> bool:
        """Whether the resource is not there yet."""
        return self.operation.startswith("Create")


@cache
def plan_of(service: str, operation: str, action: str = "") -> Plan:
    """Return the plan of an operation, for one of its actions (the first one when none is named)."""
    prefix, name = prefix_of(service), action or actions_of(service, operation)[0]
    known = table(prefix)
    documented = known.actions.get(name)
    said = documented or Action(name, {}, ())
    by_key = conditions.bound(service, operation, said)
    keys: dict[Place, tuple[str, ...]] = {}
    for key, found in by_key.items():
        for place in found:
            keys[place] = (*keys.get(place, ()), key)
    kinds = [Kind(known.types[t], needed, _declared(known.types[t])) for t, needed in said.on.items()]
    if documented is None:
        kinds = _called_after(prefix, operation)
    members = {member.lower() for kind in kinds for member in kind.members}
    wanted = [
        place
        for place in places(service, operation)
        if place.naming or place.passing or place in keys or place.member.lower() in members
    ]
    return Plan(
        service=service,
        operation=operation,
        action=f"{prefix}:{name}",
        documented=documented is not None,
        kinds=tuple(sorted(kinds, key=lambda kind: not kind.required)),
        keys=keys,
        mentions=frozenset(names()["mentions"].get(prefix, ())),
        tagging=_tagging(prefix, operation, name),
        root=tree(wanted),
    )


def members_of(resource: Resource) -> tuple[str, ...]:
    """Return the members that a declared ARN is made of, in order; a path is none."""
    found = [(name, how) for _, name, _, how in string.Formatter().parse(resource.arn) if name]
    return tuple(name for name, how in found if name != "Path" and how != "e")


def either_of(resource: Resource) -> tuple[str, ...]:
    """Return the members of a declared ARN of which one at most is said."""
    return tuple(name for _, name, _, how in string.Formatter().parse(resource.arn) if name and how == "e")


@cache
def declarations() -> Mapping[tuple[str, str], Resource]:
    """Return the declared kinds by service prefix and skeleton of their ARN, without reading any model."""
    services = names()["services"]
    return {
        (services.get(resource.service, resource.service), skeleton(resource)): resource
        for resource in registry.load().values()
    }


def skeleton(resource: Resource) -> str:
    """Return a declared ARN with every member, or every choice of members, as `{}`."""
    told = ""
    parts = list(string.Formatter().parse(resource.arn.replace("{Path}", "/")))
    for (text, name, _, how), before in zip(parts, [None, *parts], strict=False):
        choice = how == "e" and not text and before is not None and before[3] == "e"
        told += text + ("" if name is None or choice else "{}")
    return told


def _declared(kind: ResourceType) -> Resource | None:
    """Return the declaration of the same ARN, or the only one that is a case of it."""
    prefix = kind.arn.split(":")[2]
    if (same := declarations().get((prefix, kind.skeleton))) is not None:
        return same
    cases = [
        resource
        for (of, tail), resource in declarations().items()
        if of == prefix and tail.count("{}") == len(kind.variables)
        if kind.covers(tail)
    ]
    return cases[0] if len(cases) == 1 else None


def _called_after(prefix: str, operation: str) -> list[Kind]:
    """Return the declared kind that an operation newer than the data is called after."""
    of = [
        kind for (service, _), kind in declarations().items() if service == prefix and kind.kind in operation
    ]
    if not of or operation.startswith("List"):
        return []
    kind = max(of, key=lambda kind: len(kind.kind))
    tail = re.sub(r"\{(\w+)(![a-z])?\}", r"${\1}", kind.arn.replace("{Path}", "/"))
    return [
        Kind(
            ResourceType(kind.kind, f"arn:${{Partition}}:{prefix}:${{Region}}:${{Account}}:{tail}"),
            True,
            kind,
        )
    ]


def _tagging(prefix: str, operation: str, action: str) -> str:
    """Name the action that tags what an operation makes; "" where the operation itself tags."""
    if "Tag" in action or "tag" in action:
        return ""
    noun = operation.removeprefix("Create")
    for name in (f"Tag{noun}", "TagResource", "AddTags"):
        if name in table(prefix).actions:
            return f"{prefix}:{name}"
    return ""
