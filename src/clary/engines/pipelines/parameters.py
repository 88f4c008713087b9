"""The parameters of an execution: what it was given, for the rest what its pipeline defaults to."""

from __future__ import annotations

from collections.abc import Mapping

from clary.engines.pipelines.definition import Definition, Value


def values(definition: Definition, given: Mapping[str, str]) -> dict[str, Value]:
    """Return each declared parameter's value in its type; raises `ParameterFault` for what is not right."""
    raise NotImplementedError(definition, given)


def text(value: Value) -> str:
    """Return a value as the API shows it and as Std:Join joins it."""
    raise NotImplementedError(value)
