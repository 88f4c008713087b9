"""Where in an operation's request a value may stand, by its model; a user's own maps are left alone."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import cache

from botocore.model import ListShape, MapShape, Shape, StructureShape

from clary.wire import models

_NAMING = re.compile(r"(arns?|names?|identifiers?|ids?|uris?|resource|source)$", re.IGNORECASE)


@dataclass(frozen=True)
class Place:
    """One member of the input, with the members that lead to it; what a list has is the list's place.

    `header` is its name on the wire, in lower case, where that differs.
    """

    path: tuple[str, ...]
    shape: str
    kind: str
    header: str = ""

    @property
    def member(self) -> str:
        """The last member's name."""
        return self.path[-1]

    @property
    def dotted(self) -> str:
        """The path as text."""
        return ".".join(self.path)

    @property
    def naming(self) -> bool:
        """Whether it may name a resource: by its own or its shape's name."""
        return self.kind == "string" and bool(_NAMING.search(self.member) or _NAMING.search(self.shape))

    @property
    def passing(self) -> bool:
        """Whether it is a role handed over."""
        return self.shape.lower() == "rolearn" or self.member.lower().endswith("rolearn")


@dataclass
class Node:
    """A step on the way to places, so that a request is read once and only where something may stand."""

    place: Place | None = None
    within: dict[str, Node] = field(default_factory=dict)


@cache
def places(service: str, operation: str) -> tuple[Place, ...]:
    """Return every place of an operation's input. A structure within itself is not followed."""
    shape = models.service(service).operation_model(operation).input_shape
    return () if shape is None else tuple(_places(shape, (), ()))


def tree(found: Iterable[Place]) -> Node:
    """Return places as a tree."""
    root = Node()
    for place in found:
        node = root
        for member in place.path:
            node = node.within.setdefault(member, Node())
        node.place = place
    return root


def values(node: Node, value: object) -> Iterator[tuple[Place, object]]:
    """Yield what a request has at the places of a tree; each item of a list by itself."""
    if isinstance(value, list):
        for item in value:
            yield from values(node, item)
        return
    if node.place is not None and value is not None:
        yield node.place, value
    if node.within and isinstance(value, dict):
        for member, item in value.items():
            if (below := node.within.get(member)) is not None:
                yield from values(below, item)


def _places(shape: Shape, path: tuple[str, ...], within: tuple[str, ...]) -> Iterator[Place]:
    if isinstance(shape, ListShape):
        yield from _places(shape.member, path, within)
        return
    if path:
        kind = "map" if isinstance(shape, MapShape) else shape.type_name
        yield Place(path, shape.name, kind, str(shape.serialization.get("name", "")).lower())
    if isinstance(shape, StructureShape) and shape.name not in within:
        for name, member in shape.members.items():
            yield from _places(member, (*path, name), (*within, shape.name))
