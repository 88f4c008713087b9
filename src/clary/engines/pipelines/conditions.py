"""Whether a condition holds."""

from __future__ import annotations

from collections.abc import Callable

from clary.core.document import Document
from clary.engines.pipelines.expressions import Json


def holds(condition: Document, resolve: Callable[[Json], Json]) -> bool:
    """Say whether a condition holds; raises `Unresolved` where it compares what cannot be compared."""
    raise NotImplementedError(condition, resolve)


def outcome(conditions: tuple[Document, ...], resolve: Callable[[Json], Json]) -> bool:
    """Say how a Condition step ends: True where all of its conditions hold."""
    return all(holds(each, resolve) for each in conditions)
