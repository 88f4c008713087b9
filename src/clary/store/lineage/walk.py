"""Walking the lineage: step by step, a whole level in one statement, however far it fans out."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy import ColumnElement, Connection, func, select

from clary.store.lineage.edges import CHUNK, around
from clary.store.record import scope_of
from clary.store.records import Records
from clary.store.tables import RECORDS
from clary.store.times import micros

Pair = tuple[int, int]


@dataclass
class Reached:
    """What was reached: records by how many associations away they are, and the associations passed."""

    depths: dict[int, int]
    edges: dict[Pair, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Vertex:
    """One entity as a query shows it."""

    id: int
    arn: str
    kind: str
    type: str


@dataclass(frozen=True, kw_only=True)
class Selection:
    """Which entities are wanted; an empty part wants any. The first time of a pair is the earliest."""

    types: tuple[str, ...] = ()
    kinds: tuple[str, ...] = ()
    created: tuple[datetime | None, datetime | None] = (None, None)
    modified: tuple[datetime | None, datetime | None] = (None, None)
    properties: Mapping[str, str] = field(default_factory=dict)

    def conditions(self) -> Iterator[ColumnElement[bool]]:
        """Yield what the database can tell; properties are looked at afterwards."""
        if self.types:
            yield _TYPE.in_(self.types)
        if self.kinds:
            yield RECORDS.c.kind.in_(self.kinds)
        for column, (first, last) in (
            (RECORDS.c.created, self.created),
            (RECORDS.c.modified, self.modified),
        ):
            if first is not None:
                yield column >= micros(first)
            if last is not None:
                yield column <= micros(last)

    def has(self, properties: Mapping[str, str] | None) -> bool:
        """Tell whether an entity has the properties wanted."""
        return all((properties or {}).get(name) == value for name, value in self.properties.items())


ANY = Selection()

_TYPE = func.coalesce(
    *(RECORDS.c.doc[member].as_string() for member in ("ArtifactType", "ActionType", "ContextType")),
    RECORDS.c.doc["Source"]["SourceType"].as_string(),
    "",
)
_SHOWN = [*(RECORDS.c[name] for name in ("id", "arn", "kind")), _TYPE.label("type")]


def reach(connection: Connection, start: int, *, up: bool, down: bool, depth: int) -> Reached:
    """Go from an entity in one direction or in both at every step, so many steps at most; a circle ends."""
    found = Reached({start: 0})
    level = {start}
    for step in range(1, depth + 1):
        further: set[int] = set()
        for upwards in (True, False):
            if not (up if upwards else down):
                continue
            for source, destination, kind in around(connection, level, up=upwards):
                found.edges[source, destination] = kind
                far = source if upwards else destination
                if far not in found.depths:
                    found.depths[far] = step
                    further.add(far)
        if not further:
            break
        level = further
    return found


def on_the_way(reached: Reached, goals: Collection[int]) -> set[int]:
    """Return the goals and all that lies on a shortest way to them."""
    nearer: dict[int, list[int]] = {}
    for source, destination in reached.edges:
        for near, far in ((source, destination), (destination, source)):
            if reached.depths[far] == reached.depths[near] + 1:
                nearer.setdefault(far, []).append(near)
    kept, level = set(goals), list(goals)
    while level:
        level = [near for far in level for near in nearer.get(far, ()) if near not in kept]
        kept.update(level)
    return kept


def vertices(connection: Connection, ids: Collection[int]) -> Iterator[Vertex]:
    """Yield the entities of these ids."""
    ordered = sorted(ids)
    for first in range(0, len(ordered), CHUNK):
        found = select(*_SHOWN).where(RECORDS.c.id.in_(ordered[first : first + CHUNK]))
        for row in connection.execute(found):
            yield Vertex(*row)


def selected(connection: Connection, ids: Collection[int], wanted: Selection) -> set[int]:
    """Return those of these ids whose entities are wanted."""
    ordered, kept = sorted(ids), set()
    columns = [RECORDS.c.id, *([RECORDS.c.doc] if wanted.properties else [])]
    for first in range(0, len(ordered), CHUNK):
        among = RECORDS.c.id.in_(ordered[first : first + CHUNK])
        for row in connection.execute(select(*columns).where(among, *wanted.conditions())):
            if not wanted.properties or wanted.has(row.doc.get("Properties")):
                kept.add(row.id)
    return kept


def entities(connection: Connection, records: Records, wanted: Selection, *, after: int) -> Iterator[Vertex]:
    """Yield an account's wanted entities in the order in which they were made."""
    scopes = [scope_of("sagemaker", kind, records.account, records.region) for kind in wanted.kinds]
    columns = [*_SHOWN, RECORDS.c.doc] if wanted.properties else _SHOWN
    here = select(*columns).where(RECORDS.c.scope.in_(scopes), *wanted.conditions()).order_by(RECORDS.c.id)
    while True:
        rows = connection.execute(here.where(RECORDS.c.id > after).limit(CHUNK)).all()
        for row in rows:
            if not wanted.properties or wanted.has(row.doc.get("Properties")):
                yield Vertex(*row[:4])
        if len(rows) < CHUNK:
            return
        after = rows[-1].id


def id_of(connection: Connection, uid: str) -> int:
    """Return a record's id."""
    return int(connection.scalar(select(RECORDS.c.id).where(RECORDS.c.uid == uid)) or 0)
