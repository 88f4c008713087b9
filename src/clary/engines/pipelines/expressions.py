"""Expressions in a step's arguments: Get, Std:Join, Std:JsonGet. evidence/pipeline-expressions.md"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Protocol

from clary.core.document import Document
from clary.engines.pipelines.declared import Value
from clary.engines.pipelines.faults import Unresolved
from clary.engines.pipelines.paths import follow, json_way, reference
from clary.engines.pipelines.sizes import LONGEST, Room

Json = object
"""What JSON can say: dict, list, str, int, float, bool, None."""

GET, JOIN, JSON_GET = "Get", "Std:Join", "Std:JsonGet"
FILES = "PropertyFiles"


class Context(Protocol):
    """What an execution knows when a step begins."""

    @property
    def parameters(self) -> Mapping[str, Value]:
        """The execution's parameters in their types (`parameters.values`)."""
        ...

    @property
    def execution(self) -> Mapping[str, str]:
        """What `Execution.NAME` and `PipelineExperimentConfig.NAME` stand for, by NAME (`VARIABLES`)."""
        ...

    def properties(self, step: str) -> Document:
        """Return what Describe answers of what a step made, its OutputParameters (a map) and Outcome too."""
        ...

    def property_file(self, step: str, name: str) -> Json:
        """Return what a step's property file holds; raises Unresolved where there is none, or no JSON."""
        ...

    def json_object(self, uri: str) -> Json:
        """Return the JSON of an object in S3; raises Unresolved where there is none, or no JSON."""
        ...


VARIABLES = frozenset(
    {
        "StartDateTime",
        "CurrentDateTime",
        "PipelineName",
        "PipelineArn",
        "PipelineExecutionId",
        "PipelineExecutionArn",
        "TrainingJobName",
        "ProcessingJobName",
    }
)
EXPERIMENT = frozenset({"ExperimentName", "TrialName"})


def is_expression(value: Json) -> bool:
    """Say whether a value stands for another one."""
    return isinstance(value, dict) and len(value) == 1 and next(iter(value)) in (GET, JOIN, JSON_GET)


def resolve(value: Json, context: Context) -> Json:
    """Return a value with every expression in it replaced by what it stands for; raises `Unresolved`."""
    return _resolve(value, context, Room())


def resolve_members(value: Document, context: Context) -> Document:
    """Return what `resolve` makes of each member of an object, which is no expression itself."""
    room = Room()
    return {name: _resolve(each, context, room) for name, each in value.items()}


def references(value: Json) -> Iterator[str]:
    """Yield what every Get within a value names, as it is spelled: `Steps.Train.TrainingJobArn`."""
    if isinstance(value, list):
        for each in value:
            yield from references(each)
    elif isinstance(value, dict):
        if set(value) == {GET} and isinstance(value[GET], str):
            yield value[GET]
            return
        for each in value.values():
            yield from references(each)


def text(value: Json, said: str = "a value") -> str:
    """Return a value as Std:Join joins it and as the API shows it."""
    if isinstance(value, str):
        return value
    if isinstance(value, bool | int | float):
        return json.dumps(value)
    if isinstance(value, datetime):
        return value.isoformat()
    raise Unresolved(said, f"{value!r} is no text, number or truth value")


def _resolve(value: Json, context: Context, room: Room) -> Json:
    if isinstance(value, list):
        return [_resolve(each, context, room) for each in value]
    if not isinstance(value, dict):
        return value
    if not is_expression(value):
        return {name: _resolve(each, context, room) for name, each in value.items()}
    ((name, said),) = value.items()
    if name == GET:
        return room.take(_get(said, context), str(said))
    return _join(said, context, room) if name == JOIN else _json_get(said, context, room)


def _get(said: Json, context: Context) -> Json:
    try:
        named = reference(str(said))
    except ValueError as error:
        raise Unresolved(str(said), str(error)) from error
    if named.root == "Steps":
        found = follow(context.properties(named.name), named.way, str(said))
        return found.isoformat() if isinstance(found, datetime) else found
    known = context.parameters if named.root == "Parameters" else context.execution
    if named.name not in known:
        raise Unresolved(str(said), f"the execution has no {named.name}")
    return known[named.name]


def _join(said: Json, context: Context, room: Room) -> str:
    if not isinstance(said, dict) or not isinstance(said.get("Values"), list):
        raise Unresolved(JOIN, "it has no list of Values")
    on = text(_resolve(said.get("On", ""), context, room), JOIN)
    parts, length = [], -len(on)
    for each in said["Values"]:
        parts.append(text(_resolve(each, context, room), spelled(each)))
        length += len(on) + len(parts[-1])
        if length > LONGEST:
            raise Unresolved(JOIN, f"what it joins is longer than {LONGEST >> 20} MiB")
    joined = on.join(parts)
    room.take(joined, JOIN)
    return joined


def _json_get(said: Json, context: Context, room: Room) -> Json:
    if not isinstance(said, dict) or "Path" not in said:
        raise Unresolved(JSON_GET, "it has no Path")
    path = text(_resolve(said["Path"], context, room), JSON_GET)
    if "S3Uri" in said:
        where = text(_resolve(said["S3Uri"], context, room), JSON_GET)
        document = context.json_object(where)
    else:
        where, document = _file(said, context)
    shown = f"{path} of {where}"
    try:
        keys = json_way(path)
    except ValueError as error:
        raise Unresolved(shown, str(error)) from error
    found = follow(document, keys, shown)
    if found is None:
        raise Unresolved(shown, "it is null")
    return room.take(found, shown)


def _file(said: Document, context: Context) -> tuple[str, Json]:
    where = next(references(said.get("PropertyFile")), "")
    named = reference(where) if where.startswith("Steps.") else None
    if named is None or len(named.way) != 2 or named.way[0] != FILES:
        raise Unresolved(
            JSON_GET, f"PropertyFile is {said.get('PropertyFile')!r}, no property file of a step"
        )
    return where, context.property_file(named.name, str(named.way[1]))


def spelled(value: Json) -> str:
    """Return how a message names a value: an expression by what it gets."""
    return next(references(value), json.dumps(value, default=str)[:120])
