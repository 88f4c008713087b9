"""The properties of steps: what may be said after Steps.NAME, and of what sort it is."""

from __future__ import annotations

from collections.abc import Sequence

from botocore.model import ListShape, MapShape, Shape, StructureShape

from clary.engines.pipelines.declared import StepDefinition
from clary.engines.pipelines.expressions import FILES
from clary.engines.pipelines.kinds import KINDS
from clary.engines.pipelines.paths import Key
from clary.wire.models import service

_OUTPUT = {"String": "string", "Integer": "integer", "Float": "float", "Boolean": "boolean"}


def sort_of(step: StepDefinition, way: Sequence[Key]) -> str | None:
    """Return the sort of a property, None where only an execution knows it; ValueError for none."""
    kind = KINDS[step.type]
    if step.type == "Fail":
        raise ValueError("a Fail step ends the execution and has no properties")
    if not way or not isinstance(way[0], str):
        raise ValueError(f"say which property of {step.name}")
    first = way[0]
    if first == FILES:
        raise ValueError("a property file is read by Std:JsonGet")
    if first == "OutputParameters" and kind.outputs:
        return _output(step, way)
    if first in kind.properties:
        return None
    answers = [service("sagemaker").operation_model(name).output_shape for name in kind.describes]
    for answer in answers:
        if answer is not None and first in answer.members:
            return _along(answer, way)
    known = sorted({*kind.properties, *(name for each in answers if each for name in each.members)})
    raise ValueError(f"a {step.type} step has no property {first!r}; it has {', '.join(known)}")


def _output(step: StepDefinition, way: Sequence[Key]) -> str | None:
    declared = {each["OutputName"]: each["OutputType"] for each in step.outputs}
    if len(way) == 2 and way[1] in declared:
        return _OUTPUT[declared[way[1]]]
    raise ValueError(f"{step.name} has no output {way[-1]!r}; it has {', '.join(declared) or 'none'}")


def _along(shape: Shape, way: Sequence[Key]) -> str | None:
    for key in way:
        if isinstance(shape, StructureShape) and isinstance(key, str):
            if key not in shape.members:
                raise ValueError(f"{shape.name} has no {key!r}; it has {', '.join(sorted(shape.members))}")
            shape = shape.members[key]
        elif isinstance(shape, ListShape):
            shape = shape.member
        elif isinstance(shape, MapShape):
            shape = shape.value
        else:
            raise ValueError(f"there is nothing within {shape.name}, which is a {shape.type_name}")
    return str(shape.type_name)
