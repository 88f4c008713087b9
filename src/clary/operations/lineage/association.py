"""Associations between entities: AddAssociation, DeleteAssociation and ListAssociations."""

from __future__ import annotations

from clary.core.document import Document, dumps
from clary.core.errors import ResourceNotFound, ValidationError
from clary.engines.lineage.entities import EXPERIMENT_ENTITIES, name_of
from clary.operations import crud
from clary.operations.lineage.edges import end_of, entity
from clary.operations.registry import Call, operation
from clary.store.lineage import edges
from clary.store.lineage.edges import Wanted
from clary.store.tokens import Tokens

PAGE = 10  # What an answer without MaxResults holds at most.


@operation("sagemaker", "AddAssociation")
def add(call: Call) -> Document:
    """Associate two entities; a pair that is associated already is refused, whatever the type."""
    request = call.request
    with call.records.database.write():
        source = entity(call, request["SourceArn"], "SourceArn")
        destination = entity(call, request["DestinationArn"], "DestinationArn")
        if source.uid == destination.uid:
            raise ValidationError(f"{source.arn} cannot be associated with itself.")
        if {source.kind, destination.kind} <= EXPERIMENT_ENTITIES:
            raise ValidationError(  # evidence/lineage.md
                f"{source.arn} and {destination.arn} are both entities of experiments, which cannot be "
                "associated with each other. One of them must be an artifact, an action or a context."
            )
        kind = request.get("AssociationType", "")
        creator = crud.signature(call.principal)
        if not edges.add(call.records, end_of(source), end_of(destination), kind, creator):
            raise ValidationError(
                f"An association between {source.arn} and {destination.arn} already exists."
            )
    return {"SourceArn": source.arn, "DestinationArn": destination.arn}


@operation("sagemaker", "DeleteAssociation")
def delete(call: Call) -> Document:
    """Take an association away."""
    request = call.request
    with call.records.database.write():
        source = entity(call, request["SourceArn"], "SourceArn")
        destination = entity(call, request["DestinationArn"], "DestinationArn")
        if not edges.remove(call.records, source, destination):
            raise ResourceNotFound(f"There is no association between {source.arn} and {destination.arn}.")
    return {"SourceArn": source.arn, "DestinationArn": destination.arn}


@operation("sagemaker", "ListAssociations")
def page(call: Call) -> Document:
    """List associations; a type selects both what entities say of themselves and what kind they are."""
    request = call.request
    asked = {name: value for name, value in request.items() if name not in ("NextToken", "MaxResults")}
    said = dumps({"ListAssociations": [call.account, call.region, asked]})
    tokens = Tokens(call.records.database, call.clock, said)
    after = tokens.open(request["NextToken"]) if "NextToken" in request else None
    limit = request.get("MaxResults", PAGE)
    found = edges.page(
        call.records,
        Wanted(
            source=request.get("SourceArn"),
            destination=request.get("DestinationArn"),
            source_type=request.get("SourceType"),
            destination_type=request.get("DestinationType"),
            type=request.get("AssociationType"),
            after=request.get("CreatedAfter"),
            before=request.get("CreatedBefore"),
        ),
        sort=request.get("SortBy", "CreationTime"),
        descending=request.get("SortOrder", "Descending") == "Descending",
        limit=limit + 1,
        after=None if after is None else (after[0], int(after[1] or 0)),
    )
    told: Document = {"AssociationSummaries": [_summary(edge) for edge in found[:limit]]}
    if len(found) > limit:
        told["NextToken"] = tokens.seal(list(found[limit - 1].position))
    return told


def _summary(edge: edges.Edge) -> Document:
    told: Document = {"CreationTime": edge.created}
    for end, at in (("Source", edge.source), ("Destination", edge.destination)):
        told[f"{end}Arn"] = at["Arn"]
        name = name_of(at["Kind"], at["Doc"])
        told |= {f"{end}Name": name} if name else {}
        told |= {f"{end}Type": at["Type"]} if at["Type"] else {}
    told |= {"AssociationType": edge.type} if edge.type else {}
    return told | ({"CreatedBy": edge.created_by} if edge.created_by else {})
