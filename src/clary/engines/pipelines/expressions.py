"""Expressions in a step's arguments: Get, Std:Join, Std:JsonGet."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Protocol

from clary.core.document import Document
from clary.engines.pipelines.definition import Value

Json = object
"""What JSON can say: dict, list, str, int, float, bool, None."""


class Context(Protocol):
    """What an execution knows when a step begins."""

    @property
    def parameters(self) -> Mapping[str, Value]:
        """The execution's parameters in their types (`parameters.values`)."""
        ...

    @property
    def execution(self) -> Mapping[str, str]:
        """Its variables: StartDateTime, CurrentDateTime, PipelineName, PipelineArn, PipelineExecutionId, …"""
        ...

    def properties(self, step: str) -> Document:
        """Return what Describe answers of what a step made, its OutputParameters and Outcome too."""
        ...

    def property_file(self, step: str, name: str) -> Json:
        """Return what a step's property file holds; raises Unresolved where there is none, or no JSON."""
        ...

    def json_object(self, uri: str) -> Json:
        """Return the JSON of an object in S3; raises Unresolved where there is none, or no JSON."""
        ...


def resolve(value: Json, context: Context) -> Json:
    """Return a value with every expression in it replaced by what it stands for; raises `Unresolved`."""
    raise NotImplementedError(value, context)


def references(value: Json) -> Iterator[str]:
    """Yield what every Get within a value names, as it is spelled: `Steps.Train.TrainingJobArn`."""
    raise NotImplementedError(value)
