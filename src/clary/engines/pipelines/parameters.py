"""The parameters of an execution: what it was given, for the rest what its pipeline defaults to."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping

from clary.engines.pipelines.declared import Definition, Parameter, Value
from clary.engines.pipelines.expressions import text as text
from clary.engines.pipelines.faults import ParameterFault

_INTEGER = re.compile(r"[+-]?\d{1,19}", re.A)
_FLOAT = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d{1,3})?", re.A)
_WORDS = {"true": True, "false": False}


def values(definition: Definition, given: Mapping[str, str]) -> dict[str, Value]:
    """Return each declared parameter's value in its type; raises `ParameterFault` for what is not right."""
    declared = {parameter.name: parameter for parameter in definition.parameters}
    for name in given:
        if name not in declared:
            has = ", ".join(sorted(declared)) or "none"
            raise ParameterFault(f"The pipeline has no parameter {name!r}; it has {has}.")
    missing = [name for name, one in declared.items() if one.default is None and name not in given]
    if missing:
        raise ParameterFault(f"Give a value for {', '.join(missing)}: the pipeline has no default for it.")
    return {name: _value(one, given.get(name)) for name, one in declared.items()}


def fits(value: object, kind: str) -> bool:
    """Say whether a JSON value is one of a parameter's type."""
    if kind == "Boolean" or isinstance(value, bool):
        return kind == "Boolean" and isinstance(value, bool)
    if kind == "Integer":
        return isinstance(value, int)
    return isinstance(value, int | float) if kind == "Float" else isinstance(value, str)


def _value(parameter: Parameter, given: str | None) -> Value:
    value: Value | None = parameter.default if given is None else _read(parameter, given)
    if value is None:
        raise ParameterFault(f"The parameter {parameter.name!r} has no value.")
    if parameter.enum and value not in parameter.enum:
        one_of = ", ".join(parameter.enum)
        raise ParameterFault(f"The parameter {parameter.name!r} is {value!r}; it must be one of {one_of}.")
    return float(value) if parameter.type == "Float" else value


def _read(parameter: Parameter, given: str) -> Value:
    if parameter.type == "String":
        return given
    if parameter.type == "Boolean" and given.lower() in _WORDS:
        return _WORDS[given.lower()]
    if parameter.type == "Integer" and _INTEGER.fullmatch(given):
        return int(given)
    if parameter.type == "Float" and _FLOAT.fullmatch(given) and math.isfinite(float(given)):
        return float(given)
    raise ParameterFault(
        f"The parameter {parameter.name!r} is {given!r}; it must be of type {parameter.type}."
    )
