"""What a service model says about one declared kind: its operations, and which members they answer."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

from botocore.model import ListShape, OperationModel, ServiceModel, Shape, StructureShape

from clary.core.document import Document
from clary.resources.spec import Resource

PAGING = frozenset({"MaxResults", "NextToken", "SortBy", "SortOrder"})
"""List members that say how to page; every other one is a filter."""


@dataclass(frozen=True)
class Kind:
    """One declaration next to its service model."""

    resource: Resource
    model: ServiceModel

    @cached_property
    def operations(self) -> Mapping[str, OperationModel]:
        """The kind's operations by verb, as far as the model has them."""
        name = self.resource.kind
        named = {verb: f"{verb}{name}" for verb in ("Create", "Describe", "Update", "Delete")}
        named["List"] = f"List{plural(name)}"
        known = set(self.model.operation_names)
        return {verb: self.model.operation_model(name) for verb, name in named.items() if name in known}

    @cached_property
    def arn_member(self) -> str:
        """The member that holds the ARN in answers."""
        return f"{self.resource.kind}Arn"

    @cached_property
    def stored(self) -> frozenset[str]:
        """Every member a record may hold: what Create takes and what Describe answers."""
        taken = self.operations["Create"].input_shape if "Create" in self.operations else None
        told = self.operations["Describe"].output_shape if "Describe" in self.operations else None
        return frozenset((*members(taken), *members(told)))

    @cached_property
    def summary(self) -> tuple[str, StructureShape]:
        """The List answer's member that holds the summaries, and a summary's shape."""
        answer = members(self.operations["List"].output_shape)
        [(name, shape)] = [(n, s) for n, s in answer.items() if isinstance(s, ListShape)]
        element = shape.member
        if not isinstance(element, StructureShape):
            raise TypeError(
                f"{self.operations['List'].name} answers no structures: say so in an operation of its own"
            )
        return name, element

    @cached_property
    def filters(self) -> tuple[str, ...]:
        """The List members that select."""
        return tuple(m for m in members(self.operations["List"].input_shape) if m not in PAGING)

    def bind(self, member: str) -> tuple[str, str]:
        """Name the stored path and the test that a List member stands for; a test sees that all have one."""
        bound = self.resource.bind(member, self.stored)
        if bound is None:
            raise LookupError(
                f"{self.operations['List'].name} has {member}, which {self.resource.kind} binds to nothing"
            )
        return bound

    def merges(self, member: str) -> bool:
        """Tell whether Update's structure is a partial one, to be laid over what Create stored."""
        created = members(self.operations["Create"].input_shape).get(member)
        changed = members(self.operations["Update"].input_shape)[member]
        return created is not None and isinstance(changed, StructureShape) and changed.name != created.name


def members(shape: Shape | None) -> Mapping[str, Shape]:
    """Return a structure's members; none for an operation that takes or answers nothing."""
    return shape.members if isinstance(shape, StructureShape) else {}


def project(shape: Shape | None, doc: Document) -> Document:
    """Return what a document has of a shape. Absent members stay absent, empty structures too."""
    return {
        name: doc[name]
        for name, member in members(shape).items()
        if doc.get(name) is not None and not (member.type_name == "structure" and not doc[name])
    }


def plural(kind: str) -> str:
    """Return a kind's plural as List operations spell it."""
    return re.sub(r"(?<=[^aeiou])y$", "ie", kind) + "s"
