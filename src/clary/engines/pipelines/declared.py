"""What a pipeline definition declares, as an execution reads it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from graphlib import TopologicalSorter
from typing import Literal

from clary.core.document import Document

ParameterType = Literal["String", "Integer", "Boolean", "Float"]
Value = str | int | float | bool
Trigger = Literal["Completed", "Failed", "Stopped", "Any"]


@dataclass(frozen=True)
class Parameter:
    """What a definition declares of one parameter; without a default an execution must be given it."""

    name: str
    type: ParameterType
    default: Value | None = None
    enum: tuple[str, ...] = ()


@dataclass(frozen=True)
class PropertyFile:
    """A JSON file among the outputs of a processing step: the output's name and the path within it."""

    name: str
    output: str
    path: str


@dataclass(frozen=True)
class Cache:
    """Whether a step may take an earlier result, and how old that may be as ISO 8601 says it."""

    enabled: bool = False
    expire_after: str | None = None


@dataclass(frozen=True)
class Branch:
    """The condition step that a step hangs on, and the outcome that lets it run."""

    step: str
    outcome: bool


@dataclass(frozen=True)
class Dependency:
    """A step that another waits for, and the end of it that lets the other run."""

    step: str
    trigger: Trigger = "Completed"


@dataclass(frozen=True)
class StepDefinition:
    """One step. `more` holds what only some kinds have: SqsQueueUrl, FunctionArn, CheckType, ClusterId, …"""

    name: str
    type: str
    arguments: Document
    depends_on: tuple[Dependency, ...] = ()
    references: tuple[str, ...] = ()
    branch: Branch | None = None
    display_name: str | None = None
    description: str | None = None
    retry_policies: tuple[Document, ...] = ()
    cache: Cache = Cache()
    property_files: tuple[PropertyFile, ...] = ()
    outputs: tuple[Document, ...] = ()
    more: Document = field(default_factory=dict)

    @property
    def conditions(self) -> tuple[Document, ...]:
        """The conditions of a Condition step, all of which must hold."""
        return tuple(self.arguments.get("Conditions", ()))

    @cached_property
    def waits_for(self) -> Mapping[str, Trigger]:
        """Every step that this one waits for: DependsOn, references, and the condition it hangs on."""
        waits: dict[str, Trigger] = {name: "Completed" for name in self.references}
        if self.branch is not None:
            waits[self.branch.step] = "Completed"
        return waits | {each.step: each.trigger for each in self.depends_on}


@dataclass(frozen=True)
class Definition:
    """A whole definition: its steps as they are written, those of branches right after their condition."""

    parameters: tuple[Parameter, ...] = ()
    steps: tuple[StepDefinition, ...] = ()
    experiment_config: Document | None = None

    @cached_property
    def named(self) -> Mapping[str, StepDefinition]:
        """The steps by name."""
        return {step.name: step for step in self.steps}

    @cached_property
    def order(self) -> tuple[str, ...]:
        """The names of the steps, each after what it waits for; raises `CycleError` for a circle."""
        known = self.named
        waits = {step.name: [name for name in step.waits_for if name in known] for step in self.steps}
        return tuple(TopologicalSorter(waits).static_order())
