"""A selective execution: some steps run, the others are what they were in an earlier execution.

evidence/pipeline-selective.md
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from clary.engines.pipelines.declared import Definition, StepDefinition
from clary.engines.pipelines.faults import ParameterFault
from clary.engines.pipelines.graph import Standing


@dataclass(frozen=True)
class Selection:
    """The definition of what runs, and the steps whose results are taken from the earlier execution."""

    definition: Definition
    taken: frozenset[str]


def plan(
    definition: Definition, selected: Sequence[str], earlier: Mapping[str, Standing] | None
) -> Selection:
    """Return what a selective execution does; raises `ParameterFault` for a selection that cannot run.

    `earlier` is how the steps of the earlier execution stand; None where none was named.
    """
    chosen = frozenset(selected)
    for name in selected:
        if name not in definition.named:
            has = ", ".join(definition.named)
            raise ParameterFault(f"The pipeline has no step {name!r} to select; it has {has}.")
    _without_gaps(definition, chosen)
    steps = [step for step in definition.steps if step.name in chosen]
    taken = frozenset(name for step in steps for name in step.references if name not in chosen)
    _available(taken, steps, earlier)
    kept = tuple(_within(step, chosen) for step in steps)
    return Selection(replace(definition, steps=kept), taken)


def _without_gaps(definition: Definition, chosen: frozenset[str]) -> None:
    """Refuse a step left out between two that are selected."""
    after: set[str] = set()
    for name in definition.order:
        step = definition.named[name]
        if any(before in chosen or before in after for before in step.waits_for) and name not in chosen:
            after.add(name)
        gap = sorted(before for before in step.waits_for if before in after)
        if name in chosen and gap:
            raise ParameterFault(
                f"The step {name!r} is selected, and waits for {gap[0]!r}, which comes after a selected step "
                "and is not selected. Select every step between two selected ones."
            )


def _available(
    taken: frozenset[str], steps: Sequence[StepDefinition], earlier: Mapping[str, Standing] | None
) -> None:
    for name in sorted(taken):
        needs = next(step.name for step in steps if name in step.references)
        standing = (earlier or {}).get(name)
        if standing is not None and standing.status == "Succeeded":
            continue
        if earlier is None:
            why = "no SourcePipelineExecutionArn is given"
        else:
            why = f"it is {standing.status} there" if standing else "it did not run there"
        raise ParameterFault(
            f"The step {needs!r} uses what {name!r} made, which is not selected: it must have "
            f"succeeded in the source execution, but {why}."
        )


def _within(step: StepDefinition, chosen: frozenset[str]) -> StepDefinition:
    return replace(
        step,
        depends_on=tuple(each for each in step.depends_on if each.step in chosen),
        references=tuple(name for name in step.references if name in chosen),
        branch=step.branch if step.branch is not None and step.branch.step in chosen else None,
    )
