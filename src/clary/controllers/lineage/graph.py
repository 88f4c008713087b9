"""Makes the lineage what a trace says: once or many times, the outcome is the same."""

from __future__ import annotations

from typing import Any

from clary.core.document import Document
from clary.engines.lineage.entities import artifact_id, group_arn, type_of
from clary.engines.lineage.trace import Entity, Trace
from clary.resources.experiments.trial_component import TRIAL_COMPONENT
from clary.resources.lineage.action import ACTION
from clary.resources.lineage.artifact import ARTIFACT
from clary.resources.lineage.context import CONTEXT
from clary.store.lineage import edges
from clary.store.lineage.edges import End
from clary.store.lineage.measured import merged
from clary.store.record import Record, key_of
from clary.store.records import Records

READ, MADE = "DataSet", "Model"
_RESOURCES = {each.kind: each for each in (ARTIFACT, ACTION, CONTEXT, TRIAL_COMPONENT)}


def weave(records: Records, trace: Trace) -> dict[tuple[str, str], Record]:
    """Create and bring up to date what the trace names, inside the caller's transaction."""
    made: dict[tuple[str, str], Record] = {}
    for entity in trace.entities:
        made[entity.kind, entity.key] = _bring(records, entity)
    for link in trace.links:
        source = made[link.source.kind, link.source.key]
        destination = made[link.destination.kind, link.destination.key]
        edges.add(records, _end(source), _end(destination), link.type, None)
    return made


def find(records: Records, kind: str, name: str) -> Record | None:
    """Return an entity by its name, or an artifact by its source."""
    resource = _RESOURCES[kind]
    return records.find(resource, key_of(resource, _identity(records, kind, name)))


def _bring(records: Records, entity: Entity) -> Record:
    resource = _RESOURCES[entity.kind]
    found = find(records, entity.kind, entity.key)
    if found is None:
        doc = {**entity.doc, **_identity(records, entity.kind, entity.key)}
        doc["LineageGroupArn"] = group_arn(records.account, records.region)
        doc[resource.arn_in()] = records.arn(resource, doc)
        return records.create(resource, doc)
    changes = _changes(found.doc, entity)
    if _read_before_made(found.doc, entity):
        changed = records.update(found, {**changes, "ArtifactType": MADE})
        edges.retype(records, _end(changed))
        return changed
    return records.update(found, changes) if changes else found


def _read_before_made(doc: Document, entity: Entity) -> bool:
    """Say that an artifact is known as data that something read, and is in fact a model that a job made."""
    return doc.get("ArtifactType") == READ and entity.doc.get("ArtifactType") == MADE


def _changes(doc: Document, entity: Entity) -> Document:
    """Return what of a known entity is not as it should be; one that stood for another is overwritten."""
    same = doc.get("_Job") == entity.owned.get("_Job")
    owned, known = (entity.owned, doc) if same else (entity.doc, {})
    wanted = {name: _laid_over(name, known.get(name), value) for name, value in owned.items()}
    return {name: value for name, value in wanted.items() if doc.get(name) != value}


def _laid_over(name: str, known: Any, value: Any) -> Any:
    if name == "Metrics":
        counted = {each["MetricName"] for each in known or () if "Count" in each}  # summed up from the points
        return merged(known or (), [each for each in value if each["MetricName"] not in counted])
    return {**(known or {}), **value} if name in _MAPS else value


_MAPS = frozenset({"Parameters", "InputArtifacts", "OutputArtifacts"})  # users may add keys of their own


def _identity(records: Records, kind: str, key: str) -> Document:
    if kind == "Artifact":
        return {"ArtifactId": artifact_id(records.account, records.region, key)}
    return {f"{kind}Name": key}


def _end(record: Record) -> End:
    return End(record=record, kind=record.kind, type=type_of(record.kind, record.doc))
