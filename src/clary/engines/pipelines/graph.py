"""Which steps of an execution may begin, which never will, and how the execution ends."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from clary.engines.pipelines.definition import Definition

StepStatus = Literal["Starting", "Executing", "Stopping", "Stopped", "Failed", "Succeeded"]
Outcome = Literal["Executing", "Stopping", "Stopped", "Failed", "Succeeded", "CompletedWithFailures"]


@dataclass(frozen=True)
class Standing:
    """How a step that has begun stands; `outcome` is that of a Condition step that has succeeded."""

    status: StepStatus
    outcome: bool | None = None
    reason: str = ""


@dataclass(frozen=True)
class Plan:
    """What is next: steps that may begin now, steps that never will, and how the whole stands."""

    begin: tuple[str, ...]
    never: frozenset[str]
    outcome: Outcome
    reason: str = ""


def plan(definition: Definition, standings: Mapping[str, Standing], *, stopping: bool = False) -> Plan:
    """Return what follows from how the steps stand; a step without a standing has not begun."""
    raise NotImplementedError(definition, standings, stopping)
