"""What a service model says about one declared kind: its operations, and which members they answer."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache, cached_property

from botocore.model import ListShape, OperationModel, ServiceModel, Shape, StructureShape

from clary.core.document import Document
from clary.resources import registry
from clary.resources.spec import Resource
from clary.wire import models

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
        named = {verb: f"{verb}{name}" for verb in ("Create", "Describe", "Update", "Stop", "Delete")}
        named["List"] = f"List{plural(name)}"
        named |= self.resource.named
        known = set(self.model.operation_names)
        return {verb: self.model.operation_model(name) for verb, name in named.items() if name in known}

    @property
    def arn_member(self) -> str:
        """The member that holds the ARN in answers."""
        return self.resource.arn_in()

    @cached_property
    def described(self) -> Mapping[str, Shape]:
        """The members that Describe answers about one record."""
        if "Describe" not in self.operations:
            return {}
        told = members(self.operations["Describe"].output_shape)
        return members(told[self.resource.envelope]) if self.resource.envelope else told

    @cached_property
    def token(self) -> str | None:
        """The member of Create that makes a repeated request answer what the first one did."""
        taken = members(self.operations["Create"].input_shape) if "Create" in self.operations else {}
        return next((name for name, shape in taken.items() if shape.metadata.get("idempotencyToken")), None)

    @cached_property
    def signed(self) -> frozenset[str]:
        """The members that say who created or last changed a record."""
        return frozenset(
            name for name in ("CreatedBy", "LastModifiedBy") if members(self.described.get(name))
        )

    @cached_property
    def stored(self) -> frozenset[str]:
        """Every member a record may hold: what Create takes and what Describe answers."""
        taken = self.operations["Create"].input_shape if "Create" in self.operations else None
        return frozenset(
            (
                *members(taken),
                *self.described,
                *self.resource.shown,
                *self.resource.hidden,
                *self.resource.generated,
            )
        )

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
        if "Create" not in self.operations:
            return False
        created = members(self.operations["Create"].input_shape).get(member)
        changed = members(self.operations["Update"].input_shape).get(member)  # None: only the server says it
        return created is not None and isinstance(changed, StructureShape) and changed.name != created.name


def of(resource: Resource) -> Kind:
    """Return a declared kind next to its service model."""
    return _of(resource.service, resource.kind)


@cache
def _of(service: str, kind: str) -> Kind:
    return Kind(registry.find(service, kind), models.service(service))


def members(shape: Shape | None) -> Mapping[str, Shape]:
    """Return a structure's members; none for an operation that takes or answers nothing."""
    return shape.members if isinstance(shape, StructureShape) else {}


def project(shape: Shape | None, doc: Document) -> Document:
    """Return what a document has of a shape. Absent members stay absent, empty structures too if they may."""
    required = shape.required_members if isinstance(shape, StructureShape) else []
    return {
        name: doc[name]
        for name, member in members(shape).items()
        if doc.get(name) is not None and (doc[name] or name in required or member.type_name != "structure")
    }


def plural(kind: str) -> str:
    """Return a kind's plural as List operations spell it."""
    return re.sub(r"(?<=[^aeiou])y$", "ie", kind) + "s"
