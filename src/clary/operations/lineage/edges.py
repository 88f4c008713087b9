"""What stands at the ends of an association, and why it may not go while it does."""

from __future__ import annotations

from dataclasses import replace

from clary.core.arn import parse as parse_arn
from clary.core.document import Document
from clary.core.errors import ResourceNotFound, ValidationError
from clary.engines.lineage.entities import TYPES, type_of
from clary.operations import crud
from clary.operations.kinds import Kind
from clary.operations.registry import Call
from clary.store.lineage.edges import End, neighbour
from clary.store.record import Record

ENTITIES = frozenset({"Experiment", "Trial", "TrialComponent"})
ENDS = frozenset({*TYPES, "Experiment", "TrialComponent"})
"""What AddAssociation takes."""


def end_of(record: Record) -> End:
    """Return an entity as one end of an association."""
    return End(record=record, kind=record.kind, type=type_of(record.kind, record.doc))


def entity(call: Call, arn: str, member: str) -> Record:
    """Return the entity of this account and region that an ARN names; an absent one raises."""
    parsed, found = parse_arn(arn), call.records.by_arn(arn)
    if found is None and parsed is not None:
        found = call.records.by_arn(arn.replace(parsed.resource, parsed.resource.lower()))
    if found is None or (found.service, found.account, found.region) != (
        "sagemaker",
        call.account,
        call.region,
    ):
        raise ResourceNotFound(f"{member} {arn} does not exist.")
    if found.kind not in ENDS:
        raise ValidationError(f"{member} {arn} is no entity of a lineage.")
    return found


def check_alone(call: Call, record: Record) -> None:
    """Refuse to take an entity out of a lineage that others are in. evidence/lineage.md"""
    other = neighbour(call.records, record)
    if other is not None:
        raise ValidationError(
            f"{record.arn} is associated with {other} and cannot be deleted. Delete its associations first."
        )


def delete_alone(kind: Kind, call: Call) -> Document:
    """Delete an entity that has no association."""
    with call.records.database.write():
        record = crud.named(kind, call)
        check_alone(call, record)
        return crud.delete(kind, replace(call, request={kind.arn_member: record.arn}))
