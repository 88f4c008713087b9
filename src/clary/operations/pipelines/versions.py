"""Versions of a pipeline: counted up by every definition; an alias belongs to one of them."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import replace

from clary.core.document import Document
from clary.core.errors import ResourceNotFound
from clary.operations import crud
from clary.operations.kinds import of
from clary.operations.registry import Call, operation
from clary.resources.pipelines.pipeline import PIPELINE
from clary.resources.pipelines.pipeline_version import PIPELINE_VERSION
from clary.store.record import Record, key_of
from clary.store.records import Filter

NUMBER, ALIASES = "PipelineVersionId", "PipelineVersionAliases"
_SHOWN = ("PipelineVersionDisplayName", "PipelineVersionDescription", ALIASES)


@operation("sagemaker", "ListPipelineVersions")
def page(call: Call) -> Document:
    """Answer one page of a pipeline's versions, whichever way the pipeline is named."""
    asked = {**call.request, "PipelineName": crud.named(of(PIPELINE), call).name}
    return crud.page(of(PIPELINE_VERSION), replace(call, request=asked))


@operation("sagemaker", "UpdatePipelineVersion")
def update(call: Call) -> Document:
    """Name or describe a version, and move aliases."""
    request = call.request
    with call.records.database.write():
        pipeline = call.records.by_arn(request["PipelineArn"])
        if pipeline is None or pipeline.kind != PIPELINE.kind:
            raise call.records.missing(PIPELINE, request)
        version = numbered(call, pipeline, request[NUMBER])
        said = {name: request[name] for name in _SHOWN if name in request}
        moves = request.get("PipelineVersionAliasOperations", {})
        kept = [alias for alias in version.doc.get(ALIASES, []) if alias not in moves.get("Remove", [])]
        version = call.records.update(version, {**said, ALIASES: kept})
        give(call, pipeline, version, moves.get("Add", []))
    return {"PipelineArn": pipeline.arn, NUMBER: request[NUMBER]}


def add(call: Call, pipeline: Record, definition: str, number: int, aliases: Iterable[str]) -> Record:
    """Keep another version of a pipeline."""
    doc = {
        "PipelineName": pipeline.name,
        "PipelineArn": pipeline.arn,
        NUMBER: number,
        "PipelineDefinition": definition,
    }
    version = call.records.create(PIPELINE_VERSION, doc)
    return give(call, pipeline, version, aliases)


def give(call: Call, pipeline: Record, version: Record, aliases: Iterable[str]) -> Record:
    """Make aliases those of one version, and take them away from any other."""
    for alias in dict.fromkeys(aliases):
        holder = aliased(call, pipeline, alias)
        if holder is not None and holder.uid != version.uid:
            left = [name for name in holder.doc[ALIASES] if name != alias]
            call.records.update(holder, {ALIASES: left})
        if holder is None or holder.uid != version.uid:
            version = call.records.update(version, {ALIASES: [*version.doc.get(ALIASES, []), alias]})
    return version


def asked(call: Call, pipeline: Record) -> Record:
    """Return the version that a request names by number or alias: the newest where it names none."""
    if alias := call.request.get("PipelineVersionAlias"):
        version = aliased(call, pipeline, alias)
        if version is None:
            raise ResourceNotFound(f"Pipeline version alias {alias} of {pipeline.arn} does not exist.")
        return version
    newest: int = pipeline.doc[NUMBER]
    return numbered(call, pipeline, call.request.get(NUMBER) or newest)


def numbered(call: Call, pipeline: Record, number: int) -> Record:
    """Return a version by its number."""
    named = {"PipelineName": pipeline.name, NUMBER: number}
    version = call.records.find(PIPELINE_VERSION, key_of(PIPELINE_VERSION, named))
    if version is None:
        raise ResourceNotFound(f"Pipeline version {number} of {pipeline.arn} does not exist.")
    return version


def aliased(call: Call, pipeline: Record, alias: str) -> Record | None:
    """Return the version that has an alias."""
    mine = Filter("PipelineName", "eq", pipeline.name)
    having = Filter(ALIASES, "contains", json.dumps(alias))  # as the list's JSON spells it
    return next(iter(call.records.page(PIPELINE_VERSION, where=[mine, having], limit=1).records), None)


def shown(version: Record) -> Document:
    """Return what Describe says of a version."""
    return {name: version.doc[name] for name in ("PipelineDefinition", *_SHOWN) if name in version.doc}
