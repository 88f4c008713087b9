"""A selective execution: some steps run, the others are what they were in an earlier execution."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from clary.engines.pipelines.definition import Definition
from clary.engines.pipelines.graph import Standing


@dataclass(frozen=True)
class Selection:
    """The definition of what runs, and the steps whose results are taken from the earlier execution."""

    definition: Definition
    taken: frozenset[str]


def plan(
    definition: Definition, selected: Sequence[str], earlier: Mapping[str, Standing] | None
) -> Selection:
    """Return what a selective execution does; raises `ParameterFault` for a selection that cannot run."""
    raise NotImplementedError(definition, selected, earlier)
