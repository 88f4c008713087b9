"""QueryLineage: what led to an entity, what it led to, or both. evidence/query-lineage.md"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from itertools import islice

from clary.core.document import Document, dumps
from clary.engines.lineage.entities import ENTITIES, PREFIX, shown_type
from clary.operations.lineage.edges import entity
from clary.operations.registry import Call, operation
from clary.store.lineage import walk
from clary.store.lineage.walk import Reached, Selection, Vertex
from clary.store.tokens import Position, Tokens

DEEPEST = 10
PAGE = 50  # The most and the usual number of vertices in an answer.

Place = tuple[
    int, int
]  # Where a vertex stands in the answer: its depth, then the order in which it was made.


@operation("sagemaker", "QueryLineage")
def query(call: Call) -> Document:
    """Answer the entities reached and, if asked for, the associations that were passed on the way."""
    request = call.request
    asked = {name: value for name, value in request.items() if name not in ("NextToken", "MaxResults")}
    said = dumps({"QueryLineage": [call.account, call.region, asked]})
    tokens = Tokens(call.records.database, call.clock, said)
    after = _place(tokens.open(request["NextToken"])) if "NextToken" in request else (-1, 0)
    limit = min(request.get("MaxResults", PAGE), PAGE)
    told, last = (
        _everywhere(call, after, limit) if not request.get("StartArns") else _from(call, after, limit)
    )
    return told if last is None else {**told, "NextToken": tokens.seal(list(last))}


def _from(call: Call, after: Place, limit: int) -> tuple[Document, Place | None]:
    """Walk from the start, and answer the part of what is found that follows a place."""
    request, filters = call.request, call.request.get("Filters", {})
    start = entity(call, request["StartArns"][0], "The StartArn")
    direction = request.get("Direction", "Both")
    with_edges = request.get("IncludeEdges", True)
    with call.records.database.read() as connection:
        reached = walk.reach(
            connection,
            walk.id_of(connection, start.uid),
            up=direction != "Descendants",
            down=direction != "Ascendants",
            depth=min(request.get("MaxDepth", DEEPEST), DEEPEST),
        )
        wanted: Collection[int] = reached.depths
        if filters:
            wanted = walk.selected(connection, reached.depths, _selection(filters))
            if with_edges:
                wanted = walk.on_the_way(reached, wanted)
        places = sorted((reached.depths[each], each) for each in wanted)
        page = [place for place in places if place > after][: limit + 1]
        ids = {number for _, number in page[:limit]}
        shown = {vertex.id: vertex for vertex in walk.vertices(connection, ids)}
        edges = _edges(reached, wanted, ids) if with_edges else []
        ends = {end for source, destination, _ in edges for end in (source, destination)} - ids
        arns = {v.id: v.arn for v in (*shown.values(), *walk.vertices(connection, ends))}
    told: Document = {"Vertices": [_told(shown[number]) for _, number in page[:limit]]}
    told["Edges"] = [
        {"SourceArn": arns[s], "DestinationArn": arns[d], **({"AssociationType": kind} if kind else {})}
        for s, d, kind in edges
    ]
    return told, page[limit - 1] if len(page) > limit else None


def _everywhere(call: Call, after: Place, limit: int) -> tuple[Document, Place | None]:
    """Answer the account's entities that match, in the order in which they were made; nothing is walked."""
    wanted = _selection(call.request.get("Filters", {}))
    wanted = replace(wanted, kinds=tuple(ENTITIES & set(wanted.kinds or ENTITIES)))
    with call.records.database.read() as connection:
        page = list(islice(walk.entities(connection, call.records, wanted, after=after[1]), limit + 1))
    told: Document = {"Vertices": [_told(vertex) for vertex in page[:limit]], "Edges": []}
    return told, (0, page[limit - 1].id) if len(page) > limit else None


def _edges(reached: Reached, wanted: Collection[int], ids: set[int]) -> list[tuple[int, int, str]]:
    """Return the associations whose later end is on this page: each is on one page of them all."""
    found = []
    for (source, destination), kind in reached.edges.items():
        if source in wanted and destination in wanted:
            later = max(source, destination, key=lambda end: (reached.depths[end], end))
            if later in ids:
                found.append((source, destination, kind))
    return sorted(found)


def _selection(filters: Document) -> Selection:
    """Return what the filters want; the type of a job is known with its prefix and without."""
    types = [spelt for each in filters.get("Types", ()) for spelt in (each, f"{PREFIX}{each}")]
    return Selection(
        types=tuple(types),
        kinds=tuple(filters.get("LineageTypes", ())),
        created=(filters.get("CreatedAfter"), filters.get("CreatedBefore")),
        modified=(filters.get("ModifiedAfter"), filters.get("ModifiedBefore")),
        properties=filters.get("Properties", {}),
    )


def _told(vertex: Vertex) -> Document:
    told: Document = {"Arn": vertex.arn}
    told |= {"Type": shown_type(vertex.type)} if vertex.type else {}
    return told | ({"LineageType": vertex.kind} if vertex.kind in ENTITIES else {})


def _place(position: Position) -> Place:
    depth, number = position
    return int(depth or 0), int(number or 0)
