"""What a trace is: the entities that something leaves in the lineage, and what led to what."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

from clary.core.document import Document

LONGEST_TEXT = 2500  # of a parameter's StringValue
CONTRIBUTED, PRODUCED, ASSOCIATED = "ContributedTo", "Produced", "AssociatedWith"


@dataclass(frozen=True)
class Entity:
    """One entity as it should be. `doc` holds for a new one; of one that is there, only `owned` is changed.

    Of maps in `owned` the keys are laid over those that are there.
    """

    kind: str
    key: str
    doc: Document
    owned: Document = field(default_factory=dict)


@dataclass(frozen=True)
class Link:
    """One association: from an entity to another, by (kind, key)."""

    source: Entity
    destination: Entity
    type: str


@dataclass
class Trace:
    """All that one record leaves behind."""

    entities: list[Entity] = field(default_factory=list)
    links: list[Link] = field(default_factory=list)

    def add(self, entity: Entity) -> Entity:
        """Take in an entity."""
        self.entities.append(entity)
        return entity

    def link(self, source: Entity, destination: Entity, kind: str) -> None:
        """Take in an association."""
        self.links.append(Link(source, destination, kind))


def artifact(uri: str, kind: str, name: str = "") -> Entity:
    """Return the artifact of a source; its id follows from the account and the source."""
    doc: Document = {"Source": {"SourceUri": uri}, "ArtifactType": kind}
    return Entity("Artifact", uri, {**doc, "ArtifactName": name} if name else doc)


def value_of(text: str) -> Document:
    """Return a parameter, which is always a text, as the number it spells if it spells one."""
    try:
        number = float(text)
    except ValueError:
        return {"StringValue": text[:LONGEST_TEXT]}
    return {"NumberValue": number} if math.isfinite(number) else {"StringValue": text}
