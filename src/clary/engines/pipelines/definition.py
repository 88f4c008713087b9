"""A pipeline definition of schema version 2020-12-01, read whole: every fault is named by its path.

evidence/pipeline-definition.md
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterator
from graphlib import CycleError

from clary.core.document import Document
from clary.engines.pipelines import wiring
from clary.engines.pipelines.declared import (
    Branch,
    Cache,
    Definition,
    Dependency,
    Parameter,
    ParameterType,
    PropertyFile,
    StepDefinition,
    Trigger,
    Value,
)
from clary.engines.pipelines.faults import DefinitionFault
from clary.engines.pipelines.kinds import CHECK_TYPES, KINDS, NOT_RUN, StepKind
from clary.engines.pipelines.members import choice, count, flag, items, members, structure, text
from clary.engines.pipelines.parameters import fits
from clary.engines.pipelines.paths import NAME
from clary.engines.pipelines.retrying import check as check_policy
from clary.engines.pipelines.sizes import depth

__all__ = [
    "LONGEST",
    "VERSION",
    "Branch",
    "Cache",
    "Definition",
    "Dependency",
    "Parameter",
    "PropertyFile",
    "StepDefinition",
    "Value",
    "parse",
]

VERSION = "2020-12-01"
LONGEST = 1 << 20  # characters; the model's limit on PipelineDefinition
MOST_PARAMETERS = 200  # the model's limit on PipelineParameters, which may give each of them
MOST_STEPS = 1000  # of all branches; AWS begins with 50 and lets it be raised
NOT_LOGGED = (
    "executions are not logged to MLflow by themselves; leave it out, and let the steps' programs log: "
    "mlflow.set_tracking_uri takes the ARN of a tracking server or an app."
)
DEEPEST = 200  # lists and objects within each other

_TOP = ("Version", "Metadata", "Parameters", "PipelineExperimentConfig", "MlflowConfig", "Steps")
_PARAMETER = ("Name", "Type", "DefaultValue", "EnumValues", "Description")
_COMMON = ("Name", "Type", "Arguments", "DependsOn", "DisplayName", "Description")
_TYPES: tuple[ParameterType, ...] = ("String", "Integer", "Boolean", "Float")
_TRIGGERS: tuple[Trigger, ...] = ("Completed", "Failed", "Stopped", "Any")
_PARAMETER_NAME = re.compile(r"[A-Za-z0-9\-_]{1,256}")
_STEP_NAME = re.compile(NAME)


def parse(text: str) -> Definition:
    """Return what a definition says, or raise the `DefinitionFault` that is met first."""
    if len(text) > LONGEST:
        raise DefinitionFault("", f"it has {len(text)} characters; it may have {LONGEST}.")
    try:
        document = json.loads(text, parse_constant=_refused)
        text.encode()
        json.dumps(document, ensure_ascii=False).encode()
    except (ValueError, RecursionError) as error:
        raise DefinitionFault("", f"it is no JSON: {error}") from error
    if depth(document) > DEEPEST:
        raise DefinitionFault("", f"its lists and objects nest more than {DEEPEST} deep.")
    top = members(document, "", _TOP)
    if top.get("Version", VERSION) != VERSION:
        raise DefinitionFault("Version", f"it is {top['Version']!r}; it must be {VERSION!r}.")
    if "Steps" not in top:
        raise DefinitionFault("Steps", "there are none.")
    structure(top.get("Metadata") or {}, "Metadata")
    if top.get("MlflowConfig") is not None:
        raise DefinitionFault("MlflowConfig", NOT_LOGGED)
    parameters = tuple(_parameters(top.get("Parameters", [])))
    count(parameters, "Parameters", MOST_PARAMETERS)
    found = list(_steps(top["Steps"], "Steps", None))
    count(found, "Steps", MOST_STEPS)
    paths = _unique(found)
    experiment = top.get("PipelineExperimentConfig")
    config = (
        members(experiment, "PipelineExperimentConfig", ("ExperimentName", "TrialName"))
        if experiment
        else None
    )
    definition = Definition(parameters, tuple(step for step, _ in found), config)
    definition = wiring.joined(definition, paths)
    _acyclic(definition, paths)
    return definition


def _refused(constant: str) -> float:
    raise ValueError(f"{constant} is no number of JSON")


def _parameters(value: object) -> Iterator[Parameter]:
    seen: set[str] = set()
    for path, each in items(value, "Parameters"):
        said = members(each, path, _PARAMETER)
        name = text(said, "Name", path)
        if not _PARAMETER_NAME.fullmatch(name):
            raise DefinitionFault(f"{path}.Name", f"it is {name!r}; it must match {_PARAMETER_NAME.pattern}.")
        if name in seen:
            raise DefinitionFault(f"{path}.Name", f"there is another parameter {name!r}.")
        seen.add(name)
        kind = choice(said.get("Type", "String"), f"{path}.Type", _TYPES)
        yield _parameter(said, name, kind, path)


def _parameter(said: Document, name: str, kind: ParameterType, path: str) -> Parameter:
    default, enum = said.get("DefaultValue"), said.get("EnumValues")
    if default is not None and not fits(default, kind):
        raise DefinitionFault(f"{path}.DefaultValue", f"it is {default!r}; it must be of type {kind}.")
    choices = [each for _, each in items(enum, f"{path}.EnumValues")] if enum is not None else []
    texts = tuple(each for each in choices if isinstance(each, str))
    if choices and (kind != "String" or len(texts) < len(choices)):
        raise DefinitionFault(f"{path}.EnumValues", "only a String parameter has them, and they are strings.")
    if choices and default is not None and default not in texts:
        raise DefinitionFault(f"{path}.DefaultValue", f"it is {default!r}, which is not among EnumValues.")
    return Parameter(name, kind, default, texts)


def _steps(value: object, path: str, branch: Branch | None) -> Iterator[tuple[StepDefinition, str]]:
    for where, each in items(value, path):
        step = _step(each, where, branch)
        yield step, where
        if step.type == "Condition":
            arguments = structure(each, where)["Arguments"]
            for name, outcome in (("IfSteps", True), ("ElseSteps", False)):
                within = arguments.get(name) or []
                yield from _steps(within, f"{where}.Arguments.{name}", Branch(step.name, outcome))


def _step(value: object, path: str, branch: Branch | None) -> StepDefinition:
    said = structure(value, path)
    name, type_ = text(said, "Name", path), text(said, "Type", path)
    if not _STEP_NAME.fullmatch(name):
        raise DefinitionFault(f"{path}.Name", f"it is {name!r}; it must match {NAME}.")
    if type_ in NOT_RUN:
        raise DefinitionFault(f"{path}.Type", f"{type_} steps are not run. {NOT_RUN[type_]}")
    kind = KINDS[choice(type_, f"{path}.Type", tuple(KINDS))]
    members(said, path, (*_COMMON, *kind.more, *_own(type_, kind)))
    return StepDefinition(
        name,
        type_,
        _arguments(said, type_, path),
        tuple(_dependencies(said.get("DependsOn") or [], f"{path}.DependsOn")),
        branch=branch,
        display_name=_told(said, "DisplayName", path, 256),
        description=_told(said, "Description", path, 3072),
        retry_policies=tuple(_policies(said.get("RetryPolicies") or [], f"{path}.RetryPolicies")),
        cache=_cache(said.get("CacheConfig"), f"{path}.CacheConfig"),
        property_files=tuple(_files(said.get("PropertyFiles") or [], f"{path}.PropertyFiles")),
        outputs=tuple(_outputs(said.get("OutputParameters") or [], f"{path}.OutputParameters")),
        more=_more(said, type_, kind, path),
    )


def _own(type_: str, kind: StepKind) -> Iterator[str]:
    if kind.retries:
        yield "RetryPolicies"
    if kind.caches:
        yield "CacheConfig"
    if kind.outputs:
        yield "OutputParameters"
    if type_ == "Processing":
        yield "PropertyFiles"


def _arguments(said: Document, type_: str, path: str) -> Document:
    arguments = structure(said.get("Arguments") or {}, f"{path}.Arguments")
    if type_ != "Condition":
        return arguments
    members(arguments, f"{path}.Arguments", ("Conditions", "IfSteps", "ElseSteps"))
    return {
        "Conditions": [each for _, each in items(arguments.get("Conditions"), f"{path}.Arguments.Conditions")]
    }


def _more(said: Document, type_: str, kind: StepKind, path: str) -> Document:
    for name in kind.needs:
        if said.get(name) is None:
            raise DefinitionFault(path, f"it has no {name}, which a {type_} step needs.")
    for name, form in kind.more.items():
        value = said.get(name)
        if isinstance(value, str | bool) and isinstance(value, bool) != (form == "flag"):
            raise DefinitionFault(
                f"{path}.{name}",
                f"it is {value!r}; it must be a {'Boolean' if form == 'flag' else 'String'}.",
            )
    if type_ in CHECK_TYPES:
        choice(said["CheckType"], f"{path}.CheckType", CHECK_TYPES[type_])
    return {name: said[name] for name in kind.more if said.get(name) is not None}


def _dependencies(value: object, path: str) -> Iterator[Dependency]:
    for where, each in items(value, path):
        if isinstance(each, str):
            yield Dependency(each)
            continue
        said = members(each, where, ("Step", "Trigger"))
        trigger = choice(said.get("Trigger", "Completed"), f"{where}.Trigger", _TRIGGERS)
        yield Dependency(text(said, "Step", where), trigger)


def _told(said: Document, name: str, path: str, longest: int) -> str | None:
    if said.get(name) is None:
        return None
    told = text(said, name, path)
    if len(told) > longest:
        raise DefinitionFault(f"{path}.{name}", f"it has {len(told)} characters; it may have {longest}.")
    return told


def _policies(value: object, path: str) -> Iterator[Document]:
    for where, each in items(value, path):
        check_policy(structure(each, where), where)
        yield structure(each, where)


def _cache(value: object, path: str) -> Cache:
    if value is None:
        return Cache()
    said = members(value, path, ("Enabled", "ExpireAfter"))
    enabled = flag(said, "Enabled", path)
    expire = text(said, "ExpireAfter", path) if said.get("ExpireAfter") is not None else None
    wiring.check_duration(expire, f"{path}.ExpireAfter")
    return Cache(enabled, expire)


def _files(value: object, path: str) -> Iterator[PropertyFile]:
    for where, each in items(value, path):
        said = members(each, where, ("PropertyFileName", "OutputName", "FilePath"))
        yield PropertyFile(
            *(text(said, name, where) for name in ("PropertyFileName", "OutputName", "FilePath"))
        )


def _outputs(value: object, path: str) -> Iterator[Document]:
    seen: set[str] = set()
    for where, each in items(value, path):
        said = members(each, where, ("OutputName", "OutputType"))
        name = text(said, "OutputName", where)
        choice(said.get("OutputType"), f"{where}.OutputType", _TYPES)
        if name in seen:
            raise DefinitionFault(f"{where}.OutputName", f"there is another output {name!r}.")
        seen.add(name)
        yield said
    count(seen, path, 50)


def _unique(found: Collection[tuple[StepDefinition, str]]) -> dict[str, str]:
    paths: dict[str, str] = {}
    for step, path in found:
        if step.name in paths:
            raise DefinitionFault(f"{path}.Name", f"{step.name!r} is the name of {paths[step.name]} too.")
        paths[step.name] = path
    return paths


def _acyclic(definition: Definition, paths: dict[str, str]) -> None:
    try:
        _ = definition.order
    except CycleError as error:
        circle: list[str] = error.args[1][:-1]  # each waits for the one before it
        first = min(circle, key=list(definition.named).index)
        at = circle.index(first)
        round_ = " → ".join([*circle[at:], *circle[:at], first])
        raise DefinitionFault(paths[first], f"its steps wait for each other: {round_}.") from error
