"""How the steps of a definition are joined: every reference leads somewhere, and what it brings fits."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace

from botocore.model import Shape

from clary.core.document import Document
from clary.engines.pipelines import caching, properties, shapes
from clary.engines.pipelines.conditions import MEMBERS
from clary.engines.pipelines.declared import Definition, StepDefinition
from clary.engines.pipelines.expressions import (
    EXPERIMENT,
    FILES,
    GET,
    JOIN,
    JSON_GET,
    VARIABLES,
    Json,
    is_expression,
    references,
)
from clary.engines.pipelines.faults import DefinitionFault
from clary.engines.pipelines.kinds import KINDS
from clary.engines.pipelines.members import choice, items, members, structure
from clary.engines.pipelines.paths import Reference, json_way, reference
from clary.wire.models import service

_ENTITIES = {"Actions": "CreateAction", "Artifacts": "CreateArtifact", "Contexts": "CreateContext"}
_SORTS = {"String": "string", "Integer": "integer", "Boolean": "boolean", "Float": "float"}


def joined(definition: Definition, paths: Mapping[str, str]) -> Definition:
    """Return the definition with what each step refers to, or refuse what leads nowhere."""
    scope = _Scope(definition)
    steps = tuple(scope.joined(step, paths[step.name]) for step in definition.steps)
    if definition.experiment_config:
        scope.expressions(definition.experiment_config, "PipelineExperimentConfig")
    return replace(definition, steps=steps)


def check_duration(text: str | None, path: str) -> None:
    """Refuse an ExpireAfter that is no duration."""
    try:
        caching.duration(text)
    except ValueError as error:
        raise DefinitionFault(path, str(error)) from error


class _Scope:
    """What a definition declares, to hold its references against."""

    def __init__(self, definition: Definition) -> None:
        self._parameters = {each.name: each.type for each in definition.parameters}
        self._steps = definition.named

    def joined(self, step: StepDefinition, path: str) -> StepDefinition:
        """Return a step with the steps it refers to; refuse it where its arguments are not right."""
        for index, each in enumerate(step.depends_on):
            if each.step not in self._steps:
                raise self._no_step(each.step, f"{path}.DependsOn[{index}]")
        self._check_arguments(step, f"{path}.Arguments")
        self._check_files(step, path)
        for name, value in step.more.items():
            self.expressions(value, f"{path}.{name}")
        named = (reference(each) for each in references([step.arguments, step.more]))
        used = dict.fromkeys(each.name for each in named if each.root == "Steps")
        return replace(step, references=tuple(used))

    def _check_arguments(self, step: StepDefinition, path: str) -> None:
        kind = KINDS[step.type]
        if kind.creates is not None:
            shapes.check(_request(kind.creates), step.arguments, path, self.sort_of, kind.fills, kind.never)
        elif step.type == "Condition":
            for where, each in items(step.arguments["Conditions"], f"{path}.Conditions"):
                self._condition(each, where)
        elif step.type == "Fail":
            members(step.arguments, path, ("ErrorMessage",))
        elif step.type == "Lineage":
            self._lineage(step.arguments, path)
        self.expressions(step.arguments, path)

    def _condition(self, value: Json, path: str) -> None:
        said = structure(value, path)
        kind = choice(said.get("Type"), f"{path}.Type", tuple(MEMBERS))
        members(said, path, ("Type", *MEMBERS[kind]))
        for name in MEMBERS[kind]:
            if name not in said:
                raise DefinitionFault(path, f"it has no {name}, which {kind} needs.")
        if kind == "Not":
            self._condition(said["Condition"], f"{path}.Condition")
        elif kind in ("And", "Or"):
            for where, each in items(said["Conditions"], f"{path}.Conditions"):
                self._condition(each, where)
        elif kind == "In":
            for _ in items(said["Values"], f"{path}.Values"):
                pass

    def _lineage(self, arguments: Document, path: str) -> None:
        members(arguments, path, (*_ENTITIES, "Associations"))
        for name, operation in _ENTITIES.items():
            for where, each in items(arguments.get(name, []), f"{path}.{name}"):
                shapes.check(_request(operation), each, where, self.sort_of)
        for where, each in items(arguments.get("Associations", []), f"{path}.Associations"):
            said = members(each, where, ("Source", "Destination", "AssociationType"))
            for end in ("Source", "Destination"):
                members(said.get(end), f"{where}.{end}", ("Arn", "Name", "Type"))

    def _check_files(self, step: StepDefinition, path: str) -> None:
        config = step.arguments.get("ProcessingOutputConfig")
        outputs = config.get("Outputs", []) if isinstance(config, dict) else []
        names = [each.get("OutputName") for each in outputs if isinstance(each, dict)]
        for index, file in enumerate(step.property_files):
            if file.output not in names:
                has = ", ".join(map(str, names)) or "none"
                where = f"{path}.PropertyFiles[{index}].OutputName"
                raise DefinitionFault(where, f"the step has no output {file.output!r}; it has {has}.")

    def expressions(self, value: Json, path: str) -> None:
        """Refuse an expression that no execution could resolve, wherever it is within a value."""
        for where, each in _within(value, path):
            ((name, said),) = each.items()
            if name == GET:
                self.sort_of(said, where)
            elif name == JOIN:
                found = members(said, f"{where}.{JOIN}", ("On", "Values"))
                for _ in items(found.get("Values"), f"{where}.{JOIN}.Values"):
                    pass
            else:
                self._json_get(said, f"{where}.{JSON_GET}")

    def _json_get(self, value: Json, path: str) -> None:
        said = members(value, path, ("PropertyFile", "S3Uri", "Path"))
        if ("PropertyFile" in said) == ("S3Uri" in said):
            raise DefinitionFault(path, "it must have exactly one of PropertyFile and S3Uri.")
        if isinstance(said.get("Path"), str):
            try:
                json_way(said["Path"])
            except ValueError as error:
                raise DefinitionFault(f"{path}.Path", str(error)) from error
        elif not is_expression(said.get("Path")):
            raise DefinitionFault(f"{path}.Path", f"it is {said.get('Path')!r}; it must be a String.")
        if "PropertyFile" in said:
            self._file(said["PropertyFile"], f"{path}.PropertyFile")

    def _file(self, value: Json, path: str) -> None:
        said = members(value, path, (GET,))
        named = _read(said.get(GET), path)
        if named.root != "Steps" or len(named.way) != 2 or named.way[0] != FILES:
            raise DefinitionFault(
                path, f"{said.get(GET)!r} is no property file; use Steps.NAME.{FILES}.NAME."
            )
        step = self._steps.get(named.name)
        if step is None:
            raise self._no_step(named.name, path)
        declared = [each.name for each in step.property_files]
        if named.way[1] not in declared:
            has = ", ".join(declared) or "none"
            raise DefinitionFault(
                path, f"the step {step.name} declares no property file {named.way[1]!r}; it declares {has}."
            )

    def sort_of(self, said: object, path: str) -> str | None:
        """Return the sort of value that a Get stands for; refuse one that leads nowhere."""
        named = _read(said, path)
        if named.root == "Parameters":
            if named.name not in self._parameters:
                has = ", ".join(self._parameters) or "none"
                raise DefinitionFault(path, f"there is no parameter {named.name!r}; there is {has}.")
            return _SORTS[self._parameters[named.name]]
        if named.root != "Steps":
            known = VARIABLES if named.root == "Execution" else EXPERIMENT
            choice(named.name, path, tuple(sorted(known)))
            return "string"
        if named.name not in self._steps:
            raise self._no_step(named.name, path)
        try:
            return properties.sort_of(self._steps[named.name], named.way)
        except ValueError as error:
            raise DefinitionFault(path, f"{said}: {error}.") from error

    def _no_step(self, name: str, path: str) -> DefinitionFault:
        return DefinitionFault(path, f"there is no step {name!r}; there is {', '.join(self._steps)}.")


def _request(operation: str) -> Shape:
    shape = service("sagemaker").operation_model(operation).input_shape
    assert shape is not None, operation  # noqa: S101 - each of them takes something
    return shape


def _read(said: object, path: str) -> Reference:
    if not isinstance(said, str):
        raise DefinitionFault(path, f"Get is {said!r}; it must be a String.")
    try:
        return reference(said)
    except ValueError as error:
        raise DefinitionFault(path, f"{error}.") from error


def _within(value: Json, path: str) -> Iterator[tuple[str, Document]]:
    """Yield every expression within a value, but for the property file of a Std:JsonGet."""
    if isinstance(value, list):
        for index, each in enumerate(value):
            yield from _within(each, f"{path}[{index}]")
    elif isinstance(value, dict):
        if is_expression(value):
            yield path, value
        for name, each in value.items():
            if not (name == "PropertyFile" and path.endswith(JSON_GET)):
                yield from _within(each, f"{path}.{name}")
